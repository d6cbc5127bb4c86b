// One point of the charts per interval: how many statements a second, and how long they took.

import type { PoolStats } from "sqlite-wasm-pool";

/** The points kept: two minutes at two a second. */
const MOST_POINTS = 240;
/** Times kept of one interval; beyond, every so-manyth takes the place of an older one. */
const MOST_TIMES = 4_096;

/** Columns of equal length, as the charts take them. `null`: nothing ran in that interval. */
export interface Points {
  readonly at: number[];
  readonly perSecond: number[];
  readonly p50: (number | null)[];
  readonly p99: (number | null)[];
  readonly active: number[];
  readonly waiting: number[];
}

export class Series {
  readonly points: Points = { at: [], perSecond: [], p50: [], p99: [], active: [], waiting: [] };
  readonly #times = new Float64Array(MOST_TIMES);
  #count = 0;
  #last: { readonly queries: number; readonly uptime: number };

  constructor(stats: PoolStats) {
    this.#last = stats;
  }

  ran(durationMs: number): void {
    const at = this.#count < MOST_TIMES ? this.#count : Math.floor(Math.random() * this.#count);
    if (at < MOST_TIMES) this.#times[at] = durationMs;
    this.#count++;
  }

  /** Ends an interval. */
  tick(stats: PoolStats): void {
    const seconds = (stats.uptime - this.#last.uptime) / 1_000;
    const times = this.#times.subarray(0, Math.min(this.#count, MOST_TIMES)).sort();
    const { points } = this;
    points.at.push(Date.now() / 1_000);
    points.perSecond.push(seconds > 0 ? (stats.queries - this.#last.queries) / seconds : 0);
    points.p50.push(percentile(times, 0.5));
    points.p99.push(percentile(times, 0.99));
    points.active.push(stats.active);
    points.waiting.push(stats.waiting);
    if (points.at.length > MOST_POINTS) for (const column of Object.values(points)) column.shift();
    this.#last = stats;
    this.#count = 0;
  }
}

/** The value below which `share` of the sorted times lie, or null where there are none. */
export function percentile(sorted: ArrayLike<number>, share: number): number | null {
  if (sorted.length === 0) return null;
  return sorted[Math.min(Math.ceil(sorted.length * share), sorted.length) - 1] ?? null;
}
