// A pool at rest. `suspend` and `resume` may overlap in any way: each begins when the one before it has
// ended, and a `resume` ends a `suspend` that still waits for borrowers.

import type { Lending } from "./lending.ts";

/** Suspends the lending of one pool, and resumes it. */
export class Suspension {
  readonly #lending: Lending;
  readonly #letGo: () => Promise<void>;
  /** The latest `suspend`, until it is resumed. */
  #current: { readonly done: Promise<void>; readonly resumed: AbortController } | undefined;
  /** Settles when no `suspend` is under way. */
  #idle: Promise<unknown> = Promise.resolve();

  /** `letGo` ends the threads, once every connection is closed. */
  constructor(lending: Lending, letGo: () => Promise<void>) {
    this.#lending = lending;
    this.#letGo = letGo;
  }

  /** Resolves when everything has been let go of, or nothing because of a `resume`. */
  suspend(timeoutMs: number): Promise<void> {
    if (this.#current === undefined) {
      const resumed = new AbortController();
      const done = this.#suspend(this.#idle, timeoutMs, resumed.signal);
      this.#current = { done, resumed };
      this.#idle = done.catch(() => {});
    }
    return this.#current.done;
  }

  async resume(): Promise<void> {
    this.#current?.resumed.abort();
    this.#current = undefined;
    // Threads that are ending have files open that the next ones may need.
    await this.#idle;
    if (this.#current === undefined) this.#lending.resume();
  }

  async #suspend(before: Promise<unknown>, timeoutMs: number, resumed: AbortSignal): Promise<void> {
    this.#lending.pause();
    await before;
    if (await this.#lending.closeAll(timeoutMs, resumed)) await this.#letGo();
  }
}
