// Health checks: a registry, the check of a pool, and a handler for HTTP.

import { clock } from "../clock.ts";
import { startTimer } from "./deadline.ts";
import { checkCheckOptions, checkHandlerOptions, checkPoolCheckOptions } from "./options.ts";

/** From best to worst. */
export type HealthStatus = "healthy" | "degraded" | "unhealthy";

/** What a check may answer. */
export type HealthAnswer =
  | HealthStatus
  | { readonly status: HealthStatus; readonly message?: string | undefined };

/** A check that a {@link HealthMonitor} runs. */
export interface HealthCheck {
  /** What its report is called, unique in its monitor. */
  readonly name: string;
  /** What it throws makes it unhealthy, with that message. */
  check(): Promise<HealthAnswer>;
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

/** Runs registered checks side by side. */
export class HealthMonitor {
  readonly #checks = new Map<string, HealthCheck>();

  /**
   * Adds a check; returns the function that removes it.
   * @throws TypeError when the name is taken; TypeError, RangeError for an option that is unknown or wrong
   */
  register(check: HealthCheck): () => void;
  /** The same with what makes the check; `timeout` in milliseconds, default 5,000. */
  register(
    name: string,
    check: HealthCheck["check"],
    options?: { readonly timeout?: number | undefined },
  ): () => void;
  register(
    first: string | HealthCheck,
    check?: HealthCheck["check"],
    options?: { readonly timeout?: number | undefined },
  ): () => void {
    if (options !== undefined) checkCheckOptions(options);
    const entry =
      typeof first === "string" ? { name: first, check, timeout: options?.timeout } : first;
    if (typeof entry?.name !== "string" || typeof entry.check !== "function") {
      throw new TypeError("a health check has a name and a function");
    }
    if (entry.timeout !== undefined) checkCheckOptions({ timeout: entry.timeout });
    if (this.#checks.has(entry.name)) {
      throw new TypeError(
        `there is a health check "${entry.name}" already; register this one with another name`,
      );
    }
    this.#checks.set(entry.name, entry as HealthCheck);
    return () => void this.#checks.delete(entry.name);
  }

  /** Runs every check. A check that throws or overruns its timeout is unhealthy; this never rejects. */
  async checkHealth(): Promise<HealthReport> {
    const checks = await Promise.all([...this.#checks.values()].map(runCheck));
    const worst = Math.max(0, ...checks.map(({ status }) => BY_SEVERITY.indexOf(status)));
    return { status: BY_SEVERITY[worst] ?? "unhealthy", checks };
  }
}

async function runCheck(entry: HealthCheck): Promise<CheckReport> {
  const { name, timeout } = entry;
  const started = clock.now();
  const { status, message } = await answerOf(() => entry.check(), timeout ?? DEFAULT_TIMEOUT_MS);
  const duration = clock.now() - started;
  return { name, status, ...(message === undefined ? {} : { message }), duration };
}

async function answerOf(
  check: HealthCheck["check"],
  timeoutMs: number,
): Promise<{ status: HealthStatus; message?: string | undefined }> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const overrun = new Promise<never>((_, reject) => {
    timer = startTimer(timeoutMs, () => reject(new Error(`no answer within ${timeoutMs} ms`)));
  });
  try {
    const answer = await Promise.race([Promise.resolve().then(check), overrun]);
    const result = typeof answer === "string" ? { status: answer } : answer;
    if (BY_SEVERITY.includes(result?.status)) return result;
    return { status: "unhealthy", message: `the check answered ${JSON.stringify(answer)}` };
  } catch (thrown) {
    return {
      status: "unhealthy",
      message: thrown instanceof Error ? thrown.message : inWords(thrown),
    };
  } finally {
    clearTimeout(timer);
  }
}

/** Not everything that can be thrown can be made a string. */
function inWords(thrown: unknown): string {
  try {
    return String(thrown);
  } catch {
    return "the check threw an object";
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

/** Options of {@link poolHealthCheck}. */
export interface PoolHealthCheckOptions {
  /** Milliseconds for a connection to come free; the monitor gives all of the check as long. Default 5,000. */
  readonly timeout?: number | undefined;
  /** Default the pool's own; two pools of one name, as those on one file have it by default, need another. */
  readonly name?: string | undefined;
}

/**
 * A check that runs `SELECT 1` within `timeout` ms (default 5,000). A pool whose connections are all
 * out while others wait is degraded.
 * @throws TypeError, RangeError for an option that is unknown or wrong
 */
export function poolHealthCheck(
  pool: CheckedPool,
  options: PoolHealthCheckOptions = {},
): HealthCheck {
  checkPoolCheckOptions(options);
  const { timeout = DEFAULT_TIMEOUT_MS, name = pool.name } = options;
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

/** Options of {@link healthHandler}. */
export interface HealthHandlerOptions {
  /** Default `"/health"`. */
  readonly path?: string | undefined;
  /** HTTP status of a degraded report, from 200 to 599 and one that has a body. Default 200. */
  readonly degradedStatusCode?: number | undefined;
}

/**
 * Answers GET and HEAD of its path with the report as JSON: 200, or 503 when unhealthy. Leaves every
 * other request alone (`undefined`). Requests that come together share one run of the checks.
 * @throws TypeError, RangeError for an option that is unknown or wrong
 */
export function healthHandler(
  monitor: HealthMonitor,
  options: HealthHandlerOptions = {},
): (request: Request) => Promise<Response | undefined> {
  if (typeof monitor?.checkHealth !== "function") {
    throw new TypeError("a health handler takes a HealthMonitor");
  }
  checkHandlerOptions(options);
  const { degradedStatusCode = 200 } = options;
  // As it is in the addresses of requests.
  const path = new URL(options.path ?? "/health", "http://localhost").pathname;
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
