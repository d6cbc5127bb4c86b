// One turn to write per pool: further writers wait here, in their order, and not on a connection each.
// The write queue behind it keeps order among the pools of one database.

import { clock } from "../clock.ts";
import { addCallSite } from "./call-site.ts";
import { scopesOf } from "./lease.ts";
import type { Lending } from "./lending.ts";
import { type AcquireOptions, checkAcquireOptions } from "./options.ts";
import type { PoolContext } from "./pool-context.ts";
import { Semaphore } from "./semaphore.ts";

/** A timer may come a little early. */
const TIMER_TOLERANCE_MS = 1;

/** The turn to write of one pool. */
export class WriterTurn {
  readonly #context: PoolContext;
  readonly #lending: Lending;
  readonly #semaphore = new Semaphore(1);
  #refusal: (() => Error) | undefined;
  /** The one whose turn it is has a connection. */
  #isWriting = false;
  /** When the latest one began that had to wait for a connection: until then, nobody waited for the lock. */
  #writingSince = Number.NEGATIVE_INFINITY;

  constructor(context: PoolContext, lending: Lending) {
    this.#context = context;
    this.#lending = lending;
  }

  get waiting(): number {
    return this.#semaphore.waiting;
  }

  /** @throws AcquireTimeoutError where a call around this one has the turn */
  checkNested(): void {
    for (const { writes } of scopesOf(this.#context.backend.context?.get(), this.#context)) {
      if (!writes) continue;
      throw this.#lending.refusals.nested(
        "the write lock is held by the call around this one",
        false,
      );
    }
  }

  /**
   * Takes the turn, at once and without a promise where it is free; `release` ends it. The wait ends
   * after the caller's own `timeout`; after `busyTimeout` while those before it write; and after
   * `acquireTimeout` while the first of them waits for a connection itself: then it is the pool that keeps
   * everyone waiting, and not the write lock.
   * @throws BusyError, AcquireTimeoutError, PoolExhaustedError, PoolClosedError, the signal's reason
   */
  acquire(options: AcquireOptions | undefined): undefined | Promise<void> {
    if (options !== undefined) checkAcquireOptions(options);
    if (options?.signal?.aborted) return this.#aborted(options.signal);
    this.checkNested();
    if (this.#refusal !== undefined) throw this.#refusal();
    if (!this.#semaphore.tryAcquire()) return this.#acquireLater(options ?? {});
    this.#isWriting = false;
    return undefined;
  }

  /** Whose turn it is waits for a connection once more. */
  pause(): void {
    this.#isWriting = false;
  }

  /** Whose turn it is has a connection, after it may have waited for one. */
  begin(waited: boolean): void {
    this.#isWriting = true;
    if (waited) this.#writingSince = clock.now();
  }

  async #acquireLater({ timeout, signal }: AcquireOptions): Promise<void> {
    const { events } = this.#context;
    const started = clock.now();
    const lending = this.#lending;
    const ahead = lending.pool.waitingCount + this.waiting;
    const refusal = lending.refusals.exhausted(ahead);
    if (refusal !== undefined) throw refusal;
    const expired = () => this.#expired(started, timeout);
    const granted = this.#semaphore.acquire(
      { timeoutMs: this.#patience(timeout), signal },
      expired,
    );
    events.emit("wait", { waiting: ahead + 1 });
    try {
      await granted;
    } catch (thrown) {
      if (signal?.aborted && thrown === signal.reason) return this.#aborted(signal);
      addCallSite(thrown);
      throw thrown;
    }
    this.#isWriting = false;
  }

  #patience(timeout = Number.POSITIVE_INFINITY): number {
    const { busyTimeout, acquireTimeout } = this.#context.options;
    return Math.min(busyTimeout, acquireTimeout, timeout);
  }

  /** The error of a wait that is too long, or how many milliseconds longer it may be. */
  #expired(started: number, timeout: number | undefined): Error | number {
    const { backend, options } = this.#context;
    const { busyTimeout, acquireTimeout } = options;
    const now = clock.now() + TIMER_TOLERANCE_MS;
    const isWriting = this.#isWriting;
    const left = (timeout ?? Number.POSITIVE_INFINITY) - (now - started);
    if (left <= 0) {
      return isWriting
        ? this.#lending.refusals.turnTimedOut(timeout ?? 0)
        : this.#lending.refusals.timedOut(timeout ?? 0);
    }
    const leftOfReason = isWriting
      ? busyTimeout - (now - Math.max(started, this.#writingSince))
      : acquireTimeout - (now - started);
    if (leftOfReason > 0) return Math.max(1, Math.min(left, leftOfReason, this.#patience()));
    return isWriting
      ? backend.writeQueue.busy(busyTimeout, undefined)
      : this.#lending.refusals.timedOut(acquireTimeout);
  }

  #aborted(signal: AbortSignal): Promise<never> {
    this.#context.counters.aborted++;
    return Promise.reject(signal.reason);
  }

  /** Refuses everyone who waits or comes later; the one whose turn it is goes on. */
  refuse(makeError: () => Error): void {
    this.#refusal = makeError;
    this.#semaphore.refuse(makeError);
  }

  release(): void {
    this.#semaphore.release();
  }
}
