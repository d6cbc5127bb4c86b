// What those are told who get no connection, or no turn to write: why, who has what, and what to do about it.

import { AcquireTimeoutError, PoolExhaustedError } from "../errors.ts";
import { describeLeases, type Lease, reportLeases } from "./lease.ts";
import type { LeasePool } from "./lease-pool.ts";
import type { Link } from "./link.ts";
import type { PoolContext } from "./pool-context.ts";

/** What a refusal tells of the pool. */
export type PoolState = Pick<
  LeasePool<Link>,
  "outCount" | "openingCount" | "waitingCount" | "max" | "isPaused"
>;

/** Makes the errors of one pool's waiters, and counts them. */
export class Refusals {
  readonly #context: PoolContext;
  readonly #pool: PoolState;
  readonly #leases: ReadonlyMap<Link, Lease>;

  constructor(context: PoolContext, pool: PoolState, leases: ReadonlyMap<Link, Lease>) {
    this.#context = context;
    this.#pool = pool;
    this.#leases = leases;
  }

  /** To one who has waited too long for a connection. */
  timedOut(waitedMs: number): AcquireTimeoutError {
    const { outCount, openingCount, max, waitingCount, isPaused } = this.#pool;
    const opening = openingCount === 0 ? "" : `${openingCount} being opened, `;
    const raise = this.#isAtEnginesLimit ? "acquireTimeout" : "maxConnections or acquireTimeout";
    const advice = isPaused ? "it is suspended: resume it" : `release sooner, or raise ${raise}`;
    return this.#timeoutError(
      waitedMs,
      (leases) =>
        `no connection free within ${Math.round(waitedMs)} ms (${outCount} of ${max} out, ${opening}${waitingCount} waiting: ${leases}); ${advice}`,
    );
  }

  /** To a writer whose own `timeout` ended before its turn came. */
  turnTimedOut(timeoutMs: number): AcquireTimeoutError {
    return this.#timeoutError(
      timeoutMs,
      (leases) =>
        `no turn to write within its timeout of ${Math.round(timeoutMs)} ms, another call is writing (${leases}); shorten its transaction, or raise the timeout`,
    );
  }

  /** To one who would have to wait behind `waiting` others, if that is too many. */
  exhausted(waiting: number): PoolExhaustedError | undefined {
    const { counters, options } = this.#context;
    if (waiting < options.maxWaiters) return undefined;
    counters.rejected++;
    return new PoolExhaustedError(
      `pool "${options.name}" has ${waiting} waiters, and maxWaiters allows no more`,
    );
  }

  /**
   * To one who would wait for what only the calls around it can give.
   * @param morePermits it could have a connection of its own, if there were more
   */
  nested(why: string, morePermits: boolean): AcquireTimeoutError {
    this.#context.counters.rejected++;
    const leases = reportLeases(this.#leases.values());
    const more = morePermits && !this.#isAtEnginesLimit ? ", or raise maxConnections" : "";
    return new AcquireTimeoutError(
      `pool "${this.#context.options.name}" would wait for ever: ${why}; use the connection you were given${more} (${describeLeases(leases)})`,
      { reason: "nested", leases },
    );
  }

  #timeoutError(waitedMs: number, had: (leases: string) => string): AcquireTimeoutError {
    const { counters, events, options } = this.#context;
    counters.timedOut++;
    events.emit("timeout", { waitedMs });
    const leases = reportLeases(this.#leases.values());
    const message = `pool "${options.name}" had ${had(describeLeases(leases))}`;
    return new AcquireTimeoutError(message, { reason: "timeout", leases });
  }

  /** A larger `maxConnections` would change nothing. */
  get #isAtEnginesLimit(): boolean {
    return this.#pool.max >= this.#context.backend.mostConnections;
  }
}
