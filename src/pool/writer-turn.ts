// One turn to write per pool: further writers wait here, in their order, and not on a connection each.
// The write queue behind it keeps order among the pools of one database.

import { clock } from "../clock.ts";
import { scopesOf } from "./lease.ts";
import type { Lending } from "./lending.ts";
import { type AcquireOptions, checkAcquireOptions } from "./options.ts";
import type { PoolContext } from "./pool-context.ts";
import { Semaphore } from "./semaphore.ts";

/** The turn to write of one pool. */
export class WriterTurn {
  readonly #context: PoolContext;
  readonly #lending: Lending;
  readonly #semaphore = new Semaphore(1);
  #refusal: (() => Error) | undefined;

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
      throw this.#lending.nested("the write lock is held by the call around this one");
    }
  }

  /**
   * Waits for the turn; `release` ends it. The wait ends after `busyTimeout`, and after the caller's own
   * `timeout`. Where the first of the writers waits for a connection itself, it is the pool that keeps
   * everyone waiting, and not the write lock. Gives the milliseconds waited.
   * @throws BusyError, AcquireTimeoutError, PoolExhaustedError, PoolClosedError, the signal's reason
   */
  async acquire(options: AcquireOptions | undefined): Promise<number> {
    this.checkNested();
    if (options !== undefined) checkAcquireOptions(options);
    if (this.#refusal !== undefined) throw this.#refusal();
    if (this.#semaphore.tryAcquire()) return 0;
    const started = clock.now();
    const lending = this.#lending;
    const refusal = lending.refusal(lending.pool.waitingCount + this.waiting);
    if (refusal !== undefined) throw refusal;
    try {
      await this.#wait(options ?? {}, lending.pool.waitingCount > 0);
    } catch (thrown) {
      const { signal } = options ?? {};
      if (signal?.aborted && thrown === signal.reason) this.#context.counters.aborted++;
      throw thrown;
    }
    return clock.now() - started;
  }

  #wait({ timeout, signal }: AcquireOptions, isPoolExhausted: boolean): Promise<void> {
    const { backend, options } = this.#context;
    const { acquireTimeout, busyTimeout } = options;
    const lending = this.#lending;
    if (isPoolExhausted) {
      const timeoutMs = timeout ?? acquireTimeout;
      return this.#semaphore.acquire({ timeoutMs, signal }, () => lending.timedOut(timeoutMs));
    }
    if (timeout !== undefined && timeout < busyTimeout) {
      return this.#semaphore.acquire({ timeoutMs: timeout, signal }, () =>
        lending.turnTimedOut(timeout),
      );
    }
    return this.#semaphore.acquire({ timeoutMs: busyTimeout, signal }, () =>
      backend.writeQueue.busy(busyTimeout, undefined),
    );
  }

  /** Refuses everyone who waits or comes later; the one whose turn it is goes on. */
  refuse(makeError: () => Error): void {
    this.#refusal = makeError;
    this.#semaphore.refuse(makeError());
  }

  release(): void {
    this.#semaphore.release();
  }
}
