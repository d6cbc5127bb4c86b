// A query that is read again whenever a commit has changed its tables.

import { WorkerCrashedError } from "../errors.ts";
import type { Tables } from "../types.ts";
import { onAbort } from "./abort.ts";

/** One reading of the watched query. */
export interface Reading<T> {
  readonly rows: T[];
  /** A commit that changes none of these does not change the rows. */
  readonly tables: Tables;
}

/** What a watch needs of its pool. */
export interface WatchSource<T> {
  /** Reads until `signal` is aborted; `isFirst`: the caller has not been given any rows yet. */
  read(signal: AbortSignal, isFirst: boolean): Promise<Reading<T>>;
  /** The caller's own signal. */
  readonly signal: AbortSignal | undefined;
  /** From now on the watch is to be told of commits. @throws TypeError, RangeError for wrong options */
  onStart(): void;
  onEnd(): void;
}

/** Why a watch ends without an error. */
const ENDED = Symbol("ended");

/**
 * The readings of one watched query. What is heard of commits is collected from before a reading
 * begins, so that none falls between that reading and the wait for the next.
 */
export class Watch<T> implements AsyncIterableIterator<T[]> {
  readonly #source: WatchSource<T>;
  readonly #readings: AsyncGenerator<T[], void, undefined>;
  readonly #stop = new AbortController();
  /** The tables changed since the latest reading began; undefined: there was no commit. */
  #changed: Set<string> | "any" | undefined;
  #wake = () => {};

  constructor(source: WatchSource<T>) {
    this.#source = source;
    this.#readings = this.#read();
    this.#stop.signal.addEventListener("abort", () => this.#wake());
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  next(): Promise<IteratorResult<T[], void>> {
    return this.#readings.next();
  }

  /** Ends the watch, a reading and a wait included. */
  async return(): Promise<IteratorResult<T[], void>> {
    this.end();
    return this.#readings.return();
  }

  /** Whoever waits for rows is told that there are no more. */
  end(): void {
    this.#stop.abort(ENDED);
  }

  /** A commit changed these tables. */
  heard(tables: Tables): void {
    if (tables === "any" || this.#changed === "any") this.#changed = "any";
    else {
      this.#changed ??= new Set();
      for (const table of tables) this.#changed.add(table);
    }
    this.#wake();
  }

  async *#read(): AsyncGenerator<T[], void, undefined> {
    const { signal } = this.#stop;
    const callers = this.#source.signal;
    const abort = () => this.#stop.abort(callers?.reason);
    this.#source.onStart();
    const unhook = callers && onAbort(callers, abort);
    try {
      if (callers?.aborted) abort();
      for (let isFirst = true; ; isFirst = false) {
        signal.throwIfAborted();
        this.#changed = undefined;
        const { rows, tables } = await this.#readOnce(isFirst);
        yield rows;
        while (!this.#concerns(tables)) {
          signal.throwIfAborted();
          await new Promise<void>((resolve) => {
            this.#wake = resolve;
          });
        }
      }
    } catch (thrown) {
      if (signal.reason !== ENDED) throw thrown;
    } finally {
      unhook?.();
      this.#source.onEnd();
    }
  }

  /** A reading whose thread dies has changed nothing: another thread can do it. */
  async #readOnce(isFirst: boolean): Promise<Reading<T>> {
    const { signal } = this.#stop;
    try {
      return await this.#source.read(signal, isFirst);
    } catch (thrown) {
      if (!(thrown instanceof WorkerCrashedError) || signal.aborted) throw thrown;
      return this.#source.read(signal, isFirst);
    }
  }

  #concerns(tables: Tables): boolean {
    const changed = this.#changed;
    if (changed === undefined) return false;
    if (changed === "any" || tables === "any") return true;
    return tables.some((table) => changed.has(table));
  }
}
