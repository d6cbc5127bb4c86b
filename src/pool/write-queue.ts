// The queue for SQLite's one write lock. SQLite itself has no queue: whoever asks at the right
// moment wins, and the others get SQLITE_BUSY. So every connection takes the permit here, in the
// caller's thread, before SQLite is asked, and keeps it until its write transaction has ended.
//
// One thread of one process owns a database (`runtime/databases.ts`), and all its pools on the
// database share this queue, so nobody else can hold the lock.

import { clock } from "../clock.ts";
import { BusyError, type WriteLockHolder } from "../errors.ts";
import { BUSY } from "../result-codes.ts";
import type { WaitLimits } from "./deadline.ts";
import { Semaphore } from "./semaphore.ts";

/** Who asks for the write lock. */
export type WriteClaim = Omit<WriteLockHolder, "heldMs">;

/** Where a connection takes its turn to write. */
export interface WritePermits {
  /** Somebody may have the permit. */
  readonly isBusy: boolean;
  /** Takes the permit if it is free. */
  tryAcquire(claim: WriteClaim): boolean;
  /** Takes the permit in its turn. @throws BusyError after `timeoutMs`; the signal's reason */
  acquire(claim: WriteClaim, limits: WaitLimits): Promise<void>;
  release(): void;
  /** The error of a wait for a lock that took too long. */
  busy(waitedMs: number, sql: string | undefined): BusyError;
}

/** The write lock of one database. */
export class WriteQueue implements WritePermits {
  readonly #semaphore = new Semaphore(1);
  #holder: WriteClaim | undefined;
  #since = 0;

  get isBusy(): boolean {
    return this.#holder !== undefined;
  }

  /** Who holds the lock now. */
  get holder(): WriteLockHolder | undefined {
    const holder = this.#holder;
    if (holder === undefined) return undefined;
    return { ...holder, heldMs: clock.now() - this.#since };
  }

  /** Takes the lock if it is free. */
  tryAcquire(claim: WriteClaim): boolean {
    if (!this.#semaphore.tryAcquire()) return false;
    this.#hold(claim);
    return true;
  }

  /** Takes the lock in its turn. @throws BusyError after `timeoutMs`; the signal's reason */
  async acquire(claim: WriteClaim, limits: WaitLimits): Promise<void> {
    await this.#semaphore.acquire(limits, () => this.busy(limits.timeoutMs, claim.sql));
    this.#hold(claim);
  }

  release(): void {
    this.#holder = undefined;
    this.#semaphore.release();
  }

  /** The error of a wait for a lock that took too long. */
  busy(waitedMs: number, sql: string | undefined): BusyError {
    return this.busyBehind(this.holder, waitedMs, sql);
  }

  /** The same where somebody else holds the lock; undefined: nobody knows who. */
  busyBehind(
    holder: WriteLockHolder | undefined,
    waitedMs: number,
    sql: string | undefined,
  ): BusyError {
    return busyError(describe(holder, waitedMs), waitedMs, { sql, holder });
  }

  #hold(claim: WriteClaim): void {
    this.#holder = claim;
    this.#since = clock.now();
  }
}

/** The error of a connection that waits for SQLite's own lock although it is its turn to write. */
export function busyInTurn(waitedMs: number, sql: string | undefined): BusyError {
  const why =
    "another connection, or a program that does not know the pool's locks, holds SQLite's lock; end its transaction";
  return busyError(why, waitedMs, { sql, holder: undefined });
}

function busyError(
  why: string,
  waitedMs: number,
  details: { readonly sql: string | undefined; readonly holder: WriteLockHolder | undefined },
): BusyError {
  return new BusyError(
    `the database stayed locked for ${Math.round(waitedMs)} ms: ${why} or raise busyTimeout`,
    { code: "SQLITE_BUSY", resultCode: BUSY, ...details },
  );
}

/** Who kept a waiter waiting, and what to do about it. */
function describe(holder: WriteLockHolder | undefined, waitedMs: number): string {
  if (holder === undefined) return "another connection; shorten its transaction";
  const { connection, pool, heldMs, sql = "between statements" } = holder;
  const who = `connection ${connection} of pool "${pool}" has held it for ${Math.round(heldMs)} ms (${sql})`;
  return heldMs < waitedMs
    ? `${who}, and others before it; write in fewer or shorter transactions`
    : `${who}; shorten that transaction`;
}
