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
   * @throws what `onTimeout` returns after `timeoutMs`; the signal's reason when it is aborted
   */
  acquire(limits: WaitLimits, onTimeout: () => Error): Promise<void> {
    const { signal, timeoutMs } = limits;
    if (signal?.aborted) return Promise.reject(signal.reason);
    if (this.tryAcquire()) return Promise.resolve();
    if (timeoutMs <= 0) return Promise.reject(onTimeout());
    return new Promise<void>((resolve, reject) => {
      const leave = (error: unknown) => {
        this.#waiters.delete(waiter);
        reject(error);
      };
      const disarm = armLimits(limits, () => leave(onTimeout()), leave);
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
    });
  }

  /** Everyone who waits now gives up, with `error`. */
  refuse(error: Error): void {
    for (const waiter of [...this.#waiters]) waiter.refuse(error);
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
