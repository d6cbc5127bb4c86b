// Counting and timing. Recording is a few additions; the work is done when somebody asks.

import { clock } from "../clock.ts";
import type { EngineKind, JournalMode, StorageKind } from "../types.ts";

/** A distribution of times in milliseconds; all 0 while there are none. */
export interface Summary {
  /** How many times there are. */
  readonly count: number;
  readonly min: number;
  readonly mean: number;
  /** The median. Percentiles are off by 3 % at most. */
  readonly p50: number;
  readonly p90: number;
  readonly p99: number;
  readonly max: number;
}

/** The write-ahead log of a database. */
export interface LogState {
  /** Frames of it that hold committed pages. */
  readonly frames: number;
  /** Those of them that have been copied into the database. */
  readonly checkpointed: number;
}

/** One open connection, and what it does at the moment. */
export interface ConnectionReport {
  /** The connection's `id`. */
  readonly connection: number;
  /** The number of its thread, from 1; 0: SQLite runs in the calling thread. */
  readonly thread: number;
  /** Milliseconds since it was lent; undefined while it is idle. */
  readonly lentMs: number | undefined;
  /** The statement it runs now, if it runs one. */
  readonly sql: string | undefined;
  /** A transaction is open. */
  readonly inTransaction: boolean;
}

/** What all tabs and workers of an origin together have open of one database. */
export interface OwnerStats {
  /** `"owner"`: SQLite runs here; `"client"`: another tab or worker runs it for this one. */
  readonly role: "owner" | "client";
  /** Tabs and workers with the database open, this one included. */
  readonly tabs: number;
  /** Worker threads of the owner, in which SQLite runs. */
  readonly threads: number;
  /** SQLite connections in them, those of every pool of every tab. */
  readonly connections: number;
}

/** What a pool is and holds at a moment. */
export interface Gauges {
  /** The option `name`, by default the path the pool was opened with. */
  readonly name: string;
  /** Where the bytes of the database live. */
  readonly storage: StorageKind;
  /** Which build of SQLite runs. */
  readonly engine: EngineKind;
  /** Worker threads that run now; 0: SQLite runs in the calling thread. */
  readonly threads: number;
  /** The one the database had when the pool was opened. */
  readonly journalMode: JournalMode;
  /** Undefined without a log, and where only the thread that has SQLite can see it. */
  readonly log: LogState | undefined;
  /** Connections that are lent. */
  readonly active: number;
  /** Connections that are open and not lent. */
  readonly idle: number;
  /** Connections that are open. */
  readonly total: number;
  /** Most connections that may be open. */
  readonly max: number;
  /** Who waits for a connection, or for the pool's turn to write. */
  readonly waiting: number;
  /** Undefined where no other tab can have the database open. */
  readonly owner?: OwnerStats | undefined;
}

/** What a pool is, and has done since it was opened. Plain data; times in milliseconds. */
export interface PoolStats extends Gauges {
  /** Times a connection was lent, be it for one call. */
  readonly acquired: number;
  /** Times one came back. */
  readonly released: number;
  /** Connections opened, the first included. */
  readonly created: number;
  /** Connections closed, for whichever reason. */
  readonly closed: number;
  /** Those of them that were closed because they were broken or too old. */
  readonly replaced: number;
  /** Waits for a connection, or for the turn to write, that ended in an `AcquireTimeoutError`. */
  readonly timedOut: number;
  /** Such waits that were ended by a signal. Statements that were stopped are among `errors`. */
  readonly aborted: number;
  /** Refused at once: by `maxWaiters`, or because it was nested. */
  readonly rejected: number;
  /** Times a connection was out for longer than `leakThreshold`. */
  readonly leaked: number;
  /** Requests that have ended, as the event `query` tells of them: the library's own are among them. */
  readonly queries: number;
  /** Rows that came with them. */
  readonly rows: number;
  /** Those of `queries` that failed or were stopped. */
  readonly errors: number;
  /** Waits for a lock of the database; each further try at it is one more. */
  readonly busy: number;
  /** How long borrowers have waited for a connection, the turn to write included; 0 where one was idle. */
  readonly acquireWait: Summary;
  /** How long connections were out. */
  readonly held: Summary;
  /** How long `queries` took, from the call to its answer. */
  readonly queryTime: Summary;
  /** Milliseconds since the pool was opened. */
  readonly uptime: number;
}

/** Buckets of each doubling: a percentile is off by 3 % at most. */
const PER_DOUBLING = 32;
/** Times from 2^-10 ms (about 1 us) to 2^22 ms (over an hour) are told apart. */
const LOWEST_EXPONENT = -10;
const DOUBLINGS = 32;

/** Counts times in buckets that grow with the time, so that memory stays fixed. */
export class Histogram {
  readonly #buckets = new Uint32Array(PER_DOUBLING * DOUBLINGS);
  #count = 0;
  #sum = 0;
  #min = Number.POSITIVE_INFINITY;
  #max = 0;

  record(ms: number): void {
    this.#count++;
    this.#sum += ms;
    if (ms < this.#min) this.#min = ms;
    if (ms > this.#max) this.#max = ms;
    const bucket = bucketOf(ms);
    this.#buckets[bucket] = (this.#buckets[bucket] ?? 0) + 1;
  }

  summary(): Summary {
    if (this.#count === 0) return { count: 0, min: 0, mean: 0, p50: 0, p90: 0, p99: 0, max: 0 };
    return {
      count: this.#count,
      min: this.#min,
      mean: this.#sum / this.#count,
      p50: this.#percentile(0.5),
      p90: this.#percentile(0.9),
      p99: this.#percentile(0.99),
      max: this.#max,
    };
  }

  #percentile(share: number): number {
    let left = Math.ceil(this.#count * share);
    for (const [bucket, count] of this.#buckets.entries()) {
      left -= count;
      if (left <= 0) return Math.min(Math.max(middleOf(bucket), this.#min), this.#max);
    }
    return this.#max;
  }
}

function bucketOf(ms: number): number {
  const position = (Math.log2(Math.max(ms, 2 ** LOWEST_EXPONENT)) - LOWEST_EXPONENT) * PER_DOUBLING;
  return Math.min(Math.floor(position), PER_DOUBLING * DOUBLINGS - 1);
}

function middleOf(bucket: number): number {
  return 2 ** ((bucket + 0.5) / PER_DOUBLING + LOWEST_EXPONENT);
}

/** What a pool counts. */
export class PoolCounters {
  acquired = 0;
  released = 0;
  created = 0;
  closed = 0;
  replaced = 0;
  timedOut = 0;
  aborted = 0;
  rejected = 0;
  leaked = 0;
  queries = 0;
  rows = 0;
  errors = 0;
  busy = 0;
  acquireWait = new Histogram();
  held = new Histogram();
  queryTime = new Histogram();
  readonly startedAt = clock.now();

  /** Counts a request that has ended. */
  count(durationMs: number, rows: number, failed: boolean): void {
    this.queries++;
    this.rows += rows;
    this.queryTime.record(durationMs);
    if (failed) this.errors++;
  }

  /** Forgets the borrowing that opening the pool itself took. */
  reset(): void {
    this.acquired = 0;
    this.released = 0;
    this.leaked = 0;
    this.queries = 0;
    this.rows = 0;
    this.acquireWait = new Histogram();
    this.held = new Histogram();
    this.queryTime = new Histogram();
  }
}

/** Counters and gauges as plain data. */
export function statsOf(counters: PoolCounters, gauges: Gauges): PoolStats {
  const { acquireWait, held, queryTime, startedAt, ...counts } = counters;
  return {
    ...gauges,
    ...counts,
    acquireWait: acquireWait.summary(),
    held: held.summary(),
    queryTime: queryTime.summary(),
    uptime: clock.now() - startedAt,
  } as PoolStats;
}
