// One turn to write per pool: further writers wait here, in their order, and not on a connection each.
// The write queue behind it keeps order among the pools of one database.

import { clock } from "../clock.ts";
import { scopesOf } from "./lease.ts";
import type { Lending } from "./lending.ts";
import type { AcquireOptions } from "./options.ts";
import type { PoolContext } from "./pool-context.ts";
import { Semaphore } from "./semaphore.ts";

/** The turn to write of one pool. */
export class WriterTurn {
  readonly #context: PoolContext;
  readonly #lending: Lending;
  readonly #semaphore = new Semaphore(1);

  constructor(context: PoolContext, lending: Lending) {
    this.#context = context;
    this.#lending = lending;
  }

  get waiting(): number {
    return this.#semaphore.waiting;
  }

  /**
   * Waits for the turn; `release` ends it. Where the first of the writers waits for a connection itself,
   * it is the pool that keeps everyone waiting, and not the write lock. Gives the milliseconds waited.
   * @throws BusyError, AcquireTimeoutError, PoolExhaustedError, the signal's reason
   */
  async acquire(options: AcquireOptions | undefined): Promise<number> {
    const { backend } = this.#context;
    for (const { writes } of scopesOf(backend.context?.get(), this.#context)) {
      if (writes) throw this.#lending.nested("the write lock is held by the call around this one");
    }
    if (this.#semaphore.tryAcquire()) return 0;
    const started = clock.now();
    const lending = this.#lending;
    const refusal = lending.refusal(lending.pool.waitingCount + this.waiting);
    if (refusal !== undefined) throw refusal;
    const { busyTimeout, acquireTimeout } = this.#context.options;
    const exhausted = lending.pool.waitingCount > 0;
    const timeoutMs = exhausted ? (options?.timeout ?? acquireTimeout) : busyTimeout;
    await this.#semaphore.acquire({ timeoutMs, signal: options?.signal }, () =>
      exhausted ? lending.timedOut(timeoutMs) : backend.writeQueue.busy(timeoutMs, undefined),
    );
    return clock.now() - started;
  }

  /** Refuses everyone who waits; the one whose turn it is goes on. */
  refuse(error: Error): void {
    this.#semaphore.refuse(error);
  }

  release(): void {
    this.#semaphore.release();
  }
}
