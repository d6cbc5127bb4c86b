// Who holds what: one record per lease, for reports, leak detection and nested acquires.

import { clock } from "../clock.ts";
import type { AcquireTimeoutError, LeaseReport } from "../errors.ts";
import type { Connection } from "./connection.ts";
import { startTimer, unref } from "./deadline.ts";
import type { Link } from "./link.ts";

/** A connection that is out. */
export interface Lease {
  readonly connection: Connection;
  readonly link: Link;
  readonly since: number;
  /** Cancels the leak report. */
  readonly settle: () => void;
}

/** A callback that runs on a lease, and the callbacks around it, in one chain of async calls. */
export interface LeaseScope {
  readonly pool: object;
  readonly connection: Connection;
  /** The callback holds the pool's turn to write. */
  readonly writes: boolean;
  readonly outer: LeaseScope | undefined;
}

/** The scopes of `pool` in the chain that ends with `innermost`. */
export function* scopesOf(innermost: unknown, pool: object): Generator<LeaseScope> {
  for (let scope = innermost as LeaseScope | undefined; scope !== undefined; scope = scope.outer) {
    if (scope.pool === pool && scope.connection.isOpen) yield scope;
  }
}

/** The records as an error or a log shows them. */
export function reportLeases(leases: Iterable<Lease>): LeaseReport[] {
  const now = clock.now();
  return Array.from(leases, ({ link, since }) => ({
    connection: link.id,
    heldMs: now - since,
    sql: link.runningSql,
  }));
}

/** The records in words, for a message. */
export function describeLeases(reports: AcquireTimeoutError["leases"]): string {
  return reports
    .map(({ connection, heldMs, sql }) => {
      const doing = sql === undefined ? "idle" : `running ${sql.slice(0, 80)}`;
      return `connection ${connection} out for ${Math.round(heldMs)} ms, ${doing}`;
    })
    .join("; ");
}

/** Calls `report` when a lease has been out for `thresholdMs`, unless the function it returns is called before. */
export function watchForLeak(thresholdMs: number, report: () => void): () => void {
  const timer = startTimer(thresholdMs, report);
  unref(timer);
  return () => clearTimeout(timer);
}
