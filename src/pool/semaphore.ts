// A fair counting semaphore. First come, first served, without exception: a permit that comes back
// passes straight to the oldest waiter, so a newcomer cannot overtake it.

import { armLimits, type WaitLimits } from "./deadline.ts";

interface Waiter {
  grant(): void;
  refuse(error: Error): void;
}

/** Hands out a fixed number of permits. */
export class Semaphore {
  #free: number;
  // A Set keeps the order of insertion and drops a waiter from the middle in constant time.
  readonly #waiters = new Set<Waiter>();

  constructor(permits: number) {
    this.#free = permits;
  }

  /** Permits nobody holds. 0 whenever someone waits. */
  get free(): number {
    return this.#free;
  }

  get waiting(): number {
    return this.#waiters.size;
  }

  /** Takes a permit if one is free. */
  tryAcquire(): boolean {
    if (this.#free === 0) return false;
    this.#free--;
    return true;
  }

  /**
   * Takes a permit, waiting for one if need be. A waiter that gives up leaves the queue in the same
   * step, so a permit is never granted to nobody.
   * @param onTimeout what to give up with after `timeoutMs`, or how many milliseconds longer to wait
   * @throws what `onTimeout` returns; the signal's reason when it is aborted
   */
  acquire(limits: WaitLimits, onTimeout: () => Error | number): Promise<void> {
    const { signal } = limits;
    if (signal?.aborted) return Promise.reject(signal.reason);
    if (this.tryAcquire()) return Promise.resolve();
    const verdict = limits.timeoutMs > 0 ? limits.timeoutMs : onTimeout();
    if (typeof verdict !== "number") return Promise.reject(verdict);
    return new Promise<void>((resolve, reject) => {
      const leave = (error: unknown) => {
        this.#waiters.delete(waiter);
        reject(error);
      };
      const expire = () => {
        const verdict = onTimeout();
        if (typeof verdict === "number") arm(verdict);
        else leave(verdict);
      };
      const arm = (timeoutMs: number) => {
        disarm = armLimits({ timeoutMs, signal }, expire, leave);
      };
      let disarm = () => {};
      const waiter: Waiter = {
        grant() {
          disarm();
          resolve();
        },
        refuse(error) {
          disarm();
          leave(error);
        },
      };
      this.#waiters.add(waiter);
      arm(verdict);
    });
  }

  /** Everyone who waits now gives up, each with an error of its own. */
  refuse(makeError: () => Error): void {
    for (const waiter of [...this.#waiters]) waiter.refuse(makeError());
  }

  /** Gives a permit back. */
  release(): void {
    for (const waiter of this.#waiters) {
      // The permit passes straight to the waiter: #free stays 0.
      this.#waiters.delete(waiter);
      waiter.grant();
      return;
    }
    this.#free++;
  }
}
