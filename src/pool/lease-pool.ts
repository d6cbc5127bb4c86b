// Lends things out, opens more on demand, queues the rest. Knows nothing of databases.
//
// An item is idle, out, or gone. `out` and `opening` together with `idle` never exceed `max`.
// Whoever waits is in one queue, and served by whichever comes first, an item that comes back or one
// that has been opened; so an opening belongs to no waiter, except that its failure is reported
// to the one it was started for.
//
// Of a burst of short calls most are served by what comes back, long before an item is opened for each. So only a
// few openings are under way at a time, and when one has ended, the next is begun if somebody still waits. One
// that takes long holds the others up no longer than `SLOW_MS`.

import { clock } from "../clock.ts";
import { PoolClosedError } from "../errors.ts";
import { armLimits, startTimer, type WaitLimits } from "./deadline.ts";

/** What a lease pool needs to know of its items, and how it reports. */
export interface LeasePoolHooks<T> {
  open(): Promise<T>;
  /**
   * Which of the idle items to lend, of which the last was used last. Undefined: a new one would be better
   * than any of them.
   */
  choose(idle: readonly T[]): T | undefined;
  /** The item has left the pool. */
  close(item: T, reason: string): void;
  /** The error of a waiter whose time is up. */
  timedOut(waitedMs: number): Error;
  /** The error of one who would have to wait as the `waiting + 1`-th, or undefined if it may. */
  refuse(waiting: number): Error | undefined;
  onWait(waiting: number): void;
  /** An item has been opened that nobody waits for any more. */
  onUnused(): void;
}

/** An opening that takes longer is not counted any more where the next one is to begin, in milliseconds. */
const SLOW_MS = 250;

interface Waiter<T> {
  /** It waits for an opening, and for nothing else. */
  readonly triesOnce: boolean;
  serve(item: T): void;
  fail(error: unknown): void;
}

/** A pool of items of one kind. */
export class LeasePool<T> {
  readonly #hooks: LeasePoolHooks<T>;
  readonly #mostOpenings: number;
  #max: number;
  /** The one used last is at the end, and lent first. */
  readonly #idle: T[] = [];
  readonly #out = new Set<T>();
  readonly #waiters = new Set<Waiter<T>>();
  /** Openings that are under way, and those of them that are not slow. */
  #opening = 0;
  #openingFast = 0;
  /** Waiters that try once. */
  #tries = 0;
  /** Makes the error of each who asks, once it is closed. */
  #closedError: (() => Error) | undefined;
  #paused = false;
  #onEmpty: (() => void)[] = [];

  /** @param mostOpenings how many are under way at a time, as long as none of them is slow */
  constructor(max: number, mostOpenings: number, hooks: LeasePoolHooks<T>) {
    this.#max = max;
    this.#mostOpenings = mostOpenings;
    this.#hooks = hooks;
  }

  get max(): number {
    return this.#max;
  }

  get idleCount(): number {
    return this.#idle.length;
  }

  get outCount(): number {
    return this.#out.size;
  }

  get totalCount(): number {
    return this.#idle.length + this.#out.size;
  }

  get openingCount(): number {
    return this.#opening;
  }

  get isPaused(): boolean {
    return this.#paused;
  }

  get waitingCount(): number {
    return this.#waiters.size;
  }

  get out(): ReadonlySet<T> {
    return this.#out;
  }

  get idle(): readonly T[] {
    return this.#idle;
  }

  /** No item could come but one that is out now. */
  get isExhausted(): boolean {
    return this.#idle.length === 0 && !this.#hasRoom() && this.#opening === 0;
  }

  /** The idle item that is next, at once. */
  tryAcquire(): T | undefined {
    if (this.#closedError !== undefined || this.#paused || this.#waiters.size > 0) return undefined;
    return this.#takeIdle(this.#hasRoom());
  }

  /** @throws what the hooks make of a full queue, a timeout and a failed opening; the signal's reason */
  acquire(limits: WaitLimits): Promise<T> {
    const { signal, timeoutMs } = limits;
    if (signal?.aborted) return Promise.reject(signal.reason);
    if (this.#closedError !== undefined) return Promise.reject(this.#closedError());
    const item = this.tryAcquire();
    if (item !== undefined) return Promise.resolve(item);
    // Who is ahead has an opening each, under way or to come.
    const opens = !this.#paused && this.#waiters.size < this.#max - this.totalCount;
    if (!opens) {
      const refusal = this.#hooks.refuse(this.#waiters.size);
      if (refusal !== undefined) return Promise.reject(refusal);
      if (timeoutMs <= 0) return Promise.reject(this.#hooks.timedOut(0));
    }
    const triesOnce = timeoutMs <= 0;
    return this.#wait(triesOnce ? { ...limits, timeoutMs: Infinity } : limits, triesOnce);
  }

  /** Takes back an item that may be lent again. */
  release(item: T): void {
    if (!this.#out.delete(item)) throw new Error("BUG: the item is not out");
    if (this.#closedError !== undefined) this.#hooks.close(item, "closed");
    else if (this.totalCount + this.#opening >= this.#max) this.#hooks.close(item, "resized");
    else this.#idle.push(item);
    this.#pump();
    this.#checkEmpty();
  }

  /** An idle item may be better than it was. */
  serve(): void {
    if (this.#waiters.size > 0 && this.#idle.length > 0) this.#pump();
  }

  /** Drops an item, out or idle, that is not fit to be lent again. */
  discard(item: T, reason: string): void {
    const at = this.#idle.indexOf(item);
    if (at >= 0) this.#idle.splice(at, 1);
    else if (!this.#out.delete(item)) return;
    this.#hooks.close(item, reason);
    this.#pump();
    this.#checkEmpty();
  }

  /** Closes idle items, the longest idle first, for as long as `closes` says so of them. */
  evict(closes: (item: T) => boolean, reason: string): void {
    while (this.#idle.length > 0 && this.totalCount > 1) {
      const oldest = this.#idle[0];
      if (oldest === undefined || !closes(oldest)) return;
      this.#idle.shift();
      this.#hooks.close(oldest, reason);
    }
  }

  resize(max: number): void {
    this.#max = max;
    while (this.#idle.length > 0 && this.totalCount + this.#opening > max) {
      const oldest = this.#idle.shift();
      if (oldest !== undefined) this.#hooks.close(oldest, "resized");
    }
    this.#pump();
  }

  /** Lends nothing until `resume`; whoever asks waits. */
  pause(): void {
    this.#paused = true;
  }

  resume(): void {
    this.#paused = false;
    this.#pump();
  }

  /** Closes what is idle; with `makeError`, refuses everyone who waits or comes from now on. */
  shut(makeError: (() => Error) | undefined): void {
    this.#closedError ??= makeError;
    for (const item of this.#idle.splice(0)) this.#hooks.close(item, "closed");
    if (makeError === undefined) return;
    for (const waiter of [...this.#waiters]) waiter.fail(makeError());
    this.#checkEmpty();
  }

  /** Resolves when nothing is out and nothing being opened. */
  whenEmpty(): Promise<void> {
    return new Promise((resolve) => {
      this.#onEmpty.push(resolve);
      this.#checkEmpty();
    });
  }

  #hasRoom(): boolean {
    return this.totalCount + this.#opening < this.#max;
  }

  /** Takes the idle item that is to be lent; none where a new one would be better and `canOpen`. */
  #takeIdle(canOpen: boolean): T | undefined {
    if (this.#idle.length === 0) return undefined;
    const item = this.#hooks.choose(this.#idle) ?? (canOpen ? undefined : this.#idle.at(-1));
    if (item === undefined) return undefined;
    this.#idle.splice(this.#idle.lastIndexOf(item), 1);
    this.#out.add(item);
    return item;
  }

  /** Ends a wait that has come to nothing: with an item that was not good enough before, or in `error`. */
  #giveUp(waiter: Waiter<T>, error: () => unknown): void {
    const item = this.#paused ? undefined : this.#takeIdle(false);
    if (item === undefined) waiter.fail(error());
    else waiter.serve(item);
  }

  #wait(limits: WaitLimits, triesOnce: boolean): Promise<T> {
    const started = clock.now();
    return new Promise<T>((resolve, reject) => {
      const waiter: Waiter<T> = {
        triesOnce,
        serve: (item) => {
          leave();
          resolve(item);
        },
        fail: (error) => {
          leave();
          reject(error);
        },
      };
      const leave = () => {
        if (this.#waiters.delete(waiter) && triesOnce) this.#tries--;
        disarm();
      };
      const disarm = armLimits(
        limits,
        () => this.#giveUp(waiter, () => this.#hooks.timedOut(clock.now() - started)),
        (reason) => waiter.fail(reason),
      );
      this.#waiters.add(waiter);
      if (triesOnce) this.#tries++;
      this.#pump();
      if (this.#waiters.has(waiter)) this.#hooks.onWait(this.#waiters.size);
    });
  }

  /**
   * Serves waiters from what is idle, and opens for those that are left while there is room. Whoever waits
   * for an opening is not overtaken by those after it.
   */
  #pump(): void {
    if (this.#paused || this.#closedError !== undefined) return;
    let unserved = 0;
    let tries = this.#tries;
    for (const waiter of this.#waiters) {
      const canOpen = unserved < this.#opening || this.#hasRoom();
      const item = unserved === 0 ? this.#takeIdle(canOpen) : undefined;
      if (item !== undefined) waiter.serve(item);
      else if (++unserved > this.#opening) {
        // Who tries once needs an opening now, and so does everyone ahead.
        if (!canOpen || (this.#openingFast >= this.#mostOpenings && tries === 0)) return;
        void this.#openFor(waiter);
      }
      if (waiter.triesOnce) tries--;
    }
  }

  async #openFor(waiter: Waiter<T>): Promise<void> {
    this.#opening++;
    const ended = this.#countFast();
    try {
      const item = await this.#hooks.open();
      this.#opening--;
      ended();
      if (this.#closedError !== undefined) this.#hooks.close(item, "closed");
      else if (this.totalCount >= this.#max) this.#hooks.close(item, "resized");
      else this.#idle.push(item);
    } catch (thrown) {
      this.#opening--;
      ended();
      if (this.#waiters.has(waiter)) this.#giveUp(waiter, () => thrown);
    }
    this.#pump();
    this.#endTries();
    if (this.#idle.length > 0) this.#hooks.onUnused();
    this.#checkEmpty();
  }

  /** Counts an opening as a fast one until it is slow, or the function it returns is called. */
  #countFast(): () => void {
    this.#openingFast++;
    let isFast = true;
    const end = () => {
      if (isFast) this.#openingFast--;
      isFast = false;
    };
    const timer = startTimer(SLOW_MS, () => {
      end();
      this.#pump();
    });
    return () => {
      clearTimeout(timer);
      end();
    };
  }

  /** Those who try once have tried when no opening is left for them. */
  #endTries(): void {
    let left = this.#opening;
    for (const waiter of this.#waiters) {
      if (left-- <= 0 && waiter.triesOnce) this.#giveUp(waiter, () => this.#hooks.timedOut(0));
    }
  }

  #checkEmpty(): void {
    if (this.#out.size > 0 || this.#opening > 0) return;
    for (const resolve of this.#onEmpty.splice(0)) resolve();
  }
}

/** The error of everyone who asks a closed pool. */
export function closedError(name: string): PoolClosedError {
  return new PoolClosedError(`pool "${name}" is closed; open another one`);
}
