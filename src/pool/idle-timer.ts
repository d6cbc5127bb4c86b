// Closes connections that nobody has asked for in a long time, all but one.

import { clock, LONGEST_TIMER_MS } from "../clock.ts";
import { unref } from "./deadline.ts";
import type { LeasePool } from "./lease-pool.ts";
import type { Link } from "./link.ts";

/** One timer for all idle connections of a pool; it runs only while there is one too many. */
export class IdleTimer {
  readonly #pool: LeasePool<Link>;
  readonly #timeoutMs: number;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #stopped = false;

  constructor(pool: LeasePool<Link>, timeoutMs: number) {
    this.#pool = pool;
    this.#timeoutMs = timeoutMs;
  }

  /** A connection has become idle. */
  arm(): void {
    if (this.#timer !== undefined || this.#stopped) return;
    if (this.#timeoutMs === Infinity || this.#pool.totalCount <= 1) return;
    const oldest = this.#pool.idle[0]?.idleSince ?? clock.now();
    const delayMs = Math.max(1, oldest + this.#timeoutMs - clock.now());
    this.#timer = setTimeout(() => this.#evict(), Math.min(delayMs, LONGEST_TIMER_MS));
    unref(this.#timer);
  }

  stop(): void {
    this.#stopped = true;
    clearTimeout(this.#timer);
  }

  #evict(): void {
    this.#timer = undefined;
    const limit = clock.now() - this.#timeoutMs;
    this.#pool.evict((link) => link.idleSince <= limit, "idle");
    this.arm();
  }
}
