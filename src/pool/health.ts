// Health checks: a registry, the check of a pool, and a handler for HTTP.

import { clock } from "../clock.ts";
import { startTimer, unref } from "./deadline.ts";

/** From best to worst. */
export type HealthStatus = "healthy" | "degraded" | "unhealthy";

/** What a check may answer. */
export type HealthAnswer =
  | HealthStatus
  | { readonly status: HealthStatus; readonly message?: string | undefined };

/** A check that a {@link HealthMonitor} runs. With `HealthCheck<HealthAnswer>` it answers at once. */
export interface HealthCheck<
  Answer extends HealthAnswer | Promise<HealthAnswer> = Promise<HealthAnswer>,
> {
  /** What its report is called, unique in its monitor. */
  readonly name: string;
  /** Called without `this`. What it throws makes it unhealthy, with that message. */
  check(): Answer;
  /** Milliseconds after which it counts as unhealthy, default 5,000. */
  readonly timeout?: number | undefined;
}

/** The outcome of one check. */
export interface CheckReport {
  readonly name: string;
  readonly status: HealthStatus;
  /** What the check had to say, or why it failed. */
  readonly message?: string;
  /** Milliseconds it took. */
  readonly duration: number;
}

/** The outcome of all checks; `status` is the worst of theirs. */
export interface HealthReport {
  readonly status: HealthStatus;
  readonly checks: readonly CheckReport[];
}

const DEFAULT_TIMEOUT_MS = 5_000;
const BY_SEVERITY: readonly HealthStatus[] = ["healthy", "degraded", "unhealthy"];

/** It answers at once or later, as it likes. */
type AnyCheck = HealthCheck<HealthAnswer | Promise<HealthAnswer>>;

/** Runs registered checks side by side. */
export class HealthMonitor {
  readonly #checks = new Map<string, AnyCheck>();

  // The first overload fits nothing. By it the compiler keeps `"healthy"` what it is in functions that answer
  // at once, and in async ones too, where it would else be any string for the second one.
  register(
    ...check:
      | [check: HealthCheck<HealthAnswer & Promise<HealthAnswer>>]
      | [name: string, check: () => HealthAnswer & Promise<HealthAnswer>, options?: object]
  ): () => void;
  /**
   * Adds a check, which answers at once or by a promise; returns the function that removes it.
   * @throws TypeError when the name is taken
   */
  register(check: HealthCheck<HealthAnswer | Promise<HealthAnswer>>): () => void;
  /** The same with what makes the check; `timeout` in milliseconds, default 5,000. */
  register(
    name: string,
    check: () => HealthAnswer | Promise<HealthAnswer>,
    options?: { readonly timeout?: number | undefined },
  ): () => void;
  register(
    first: string | AnyCheck,
    check?: AnyCheck["check"],
    options?: { readonly timeout?: number | undefined },
  ): () => void {
    const entry =
      typeof first === "string" ? { name: first, check, timeout: options?.timeout } : first;
    if (typeof entry?.name !== "string" || typeof entry.check !== "function") {
      throw new TypeError("a health check has a name and a function");
    }
    if (this.#checks.has(entry.name)) {
      throw new TypeError(
        `there is a health check "${entry.name}" already; register this one with another name`,
      );
    }
    this.#checks.set(entry.name, entry as AnyCheck);
    return () => void this.#checks.delete(entry.name);
  }

  /** Runs every check. A check that throws or overruns its timeout is unhealthy; this never rejects. */
  async checkHealth(): Promise<HealthReport> {
    const checks = await Promise.all([...this.#checks.values()].map(runCheck));
    const worst = Math.max(0, ...checks.map(({ status }) => BY_SEVERITY.indexOf(status)));
    return { status: BY_SEVERITY[worst] ?? "unhealthy", checks };
  }
}

async function runCheck({ name, check, timeout }: AnyCheck): Promise<CheckReport> {
  const started = clock.now();
  const { status, message } = await answerOf(check, timeout ?? DEFAULT_TIMEOUT_MS);
  const duration = clock.now() - started;
  return { name, status, ...(message === undefined ? {} : { message }), duration };
}

async function answerOf(
  check: AnyCheck["check"],
  timeoutMs: number,
): Promise<{ status: HealthStatus; message?: string | undefined }> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const overrun = new Promise<never>((_, reject) => {
    timer = startTimer(timeoutMs, () => reject(new Error(`no answer within ${timeoutMs} ms`)));
    unref(timer);
  });
  try {
    const answer = await Promise.race([Promise.resolve().then(check), overrun]);
    const result = typeof answer === "string" ? { status: answer } : answer;
    if (BY_SEVERITY.includes(result?.status)) return result;
    return { status: "unhealthy", message: `the check answered ${JSON.stringify(answer)}` };
  } catch (thrown) {
    return {
      status: "unhealthy",
      message: thrown instanceof Error ? thrown.message : String(thrown),
    };
  } finally {
    clearTimeout(timer);
  }
}

/** What the check of a pool asks of it. */
export interface CheckedPool {
  readonly name: string;
  readonly activeCount: number;
  readonly maxConnections: number;
  readonly waitingCount: number;
  withConnection<T>(
    body: (db: { queryValue(sql: string): Promise<unknown> }) => Promise<T>,
    options: { readonly timeout: number },
  ): Promise<T>;
}

/** Options of `poolHealthCheck`. */
export interface PoolHealthCheckOptions {
  /** Milliseconds to wait for a connection, and in a monitor for all of the check. Default 5,000. */
  readonly timeout?: number | undefined;
  /** Default the pool's own; two pools of one name, as those on one file have it by default, need another. */
  readonly name?: string | undefined;
}

/**
 * A check that runs `SELECT 1` within `timeout` ms (default 5,000). A pool whose connections are all
 * out while others wait is degraded.
 */
export function poolHealthCheck(
  pool: CheckedPool,
  { timeout = DEFAULT_TIMEOUT_MS, name = pool.name }: PoolHealthCheckOptions = {},
): HealthCheck {
  const check = async (): Promise<HealthAnswer> => {
    const { activeCount, maxConnections, waitingCount } = pool;
    const saturated = waitingCount > 0 && activeCount >= maxConnections;
    await pool.withConnection((db) => db.queryValue("SELECT 1"), { timeout });
    if (!saturated) return "healthy";
    const message = `all ${maxConnections} connections are out, ${waitingCount} wait`;
    return { status: "degraded", message };
  };
  return { name, check, timeout };
}

/** Options of `healthHandler`. */
export interface HealthHandlerOptions {
  /** The path it answers, compared as a whole. Default `"/health"`. */
  readonly path?: string | undefined;
  /** HTTP status of a degraded report. Default 200. */
  readonly degradedStatusCode?: number | undefined;
}

/**
 * Answers GET and HEAD of its path with the report as JSON: 200, or 503 when unhealthy. Leaves every
 * other request alone (`undefined`). Requests that come together share one run of the checks.
 */
export function healthHandler(
  monitor: HealthMonitor,
  { path = "/health", degradedStatusCode = 200 }: HealthHandlerOptions = {},
): (request: Request) => Promise<Response | undefined> {
  let running: Promise<HealthReport> | undefined;
  return async (request) => {
    const { method, url } = request;
    if (method !== "GET" && method !== "HEAD") return undefined;
    if (new URL(url).pathname !== path) return undefined;
    running ??= monitor.checkHealth().finally(() => {
      running = undefined;
    });
    const report = await running;
    const status = { healthy: 200, degraded: degradedStatusCode, unhealthy: 503 }[report.status];
    const headers = {
      "content-type": "application/json; charset=utf-8",
      "cache-control": "no-store",
    };
    return new Response(method === "HEAD" ? null : JSON.stringify(report), { status, headers });
  };
}
