// What a load measured: times by kind, and how many requests were done in each slice of time.

import { percentile } from "../state/series.ts";
import { KINDS, type Kind } from "./work.ts";

export interface Latency {
  readonly count: number;
  readonly p50: number;
  readonly p99: number;
  readonly max: number;
}

/** The outcome of a load so far. */
export interface Measured {
  readonly seconds: number;
  readonly requests: number;
  readonly perSecond: number;
  readonly errors: number;
  readonly latest: string | undefined;
  readonly kinds: Readonly<Record<Kind, Latency>>;
  /** Requests per second in each slice. */
  readonly slices: readonly number[];
}

export const SLICE_MS = 250;

/** Times are measured between `begin` and `end`, which may come several times. */
export class Tally {
  readonly #times: Readonly<Record<Kind, number[]>> = { point: [], scan: [], write: [] };
  readonly #slices: number[] = [];
  #earlierMs = 0;
  #since: number | undefined;
  #requests = 0;
  #errors = 0;
  #latest: string | undefined;

  get hasBegun(): boolean {
    return this.#since !== undefined || this.#earlierMs > 0;
  }

  begin(): void {
    this.#since = performance.now();
  }

  end(): void {
    this.#earlierMs = this.#elapsedMs;
    this.#since = undefined;
  }

  done(kind: Kind, ms: number): void {
    this.#requests++;
    this.#times[kind].push(ms);
    const slice = Math.floor(this.#elapsedMs / SLICE_MS);
    while (this.#slices.length <= slice) this.#slices.push(0);
    this.#slices[slice] = (this.#slices[slice] ?? 0) + 1;
  }

  failed(error: unknown): void {
    this.#errors++;
    this.#latest = error instanceof Error ? error.message : String(error);
  }

  /** Sorts all times: to be called a few times a second at most. */
  get measured(): Measured {
    const elapsedMs = this.#elapsedMs;
    const seconds = elapsedMs / 1_000;
    const latencies = KINDS.map((kind) => [kind, latencyOf(this.#times[kind])] as const);
    // The slice that has not ended would look like a drop.
    const whole = this.#slices.slice(0, Math.floor(elapsedMs / SLICE_MS));
    return {
      seconds,
      requests: this.#requests,
      perSecond: seconds > 0 ? this.#requests / seconds : 0,
      errors: this.#errors,
      latest: this.#latest,
      kinds: Object.fromEntries(latencies) as Record<Kind, Latency>,
      slices: whole.map((requests) => (requests * 1_000) / SLICE_MS),
    };
  }

  get #elapsedMs(): number {
    const now = this.#since === undefined ? 0 : performance.now() - this.#since;
    return this.#earlierMs + now;
  }
}

function latencyOf(times: readonly number[]): Latency {
  const sorted = Float64Array.from(times).sort();
  return {
    count: sorted.length,
    p50: percentile(sorted, 0.5) ?? 0,
    p99: percentile(sorted, 0.99) ?? 0,
    max: sorted.at(-1) ?? 0,
  };
}
