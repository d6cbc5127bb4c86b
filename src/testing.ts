// Faults on purpose, for those who test what their program does when they happen.

import type { ConnectionPool } from "./pool/pool.ts";

/**
 * Ends the thread that runs a connection (`db.id`) at once, whatever it does, as a crash of the thread or
 * a kill by the system would. Statements in flight on connections of that thread reject with
 * `WorkerCrashedError`, and the pool replaces the connections. Resolves when the thread is gone.
 *
 * @throws RangeError where the pool has no such connection, TypeError where SQLite runs in the
 *   calling thread
 */
export function crashThread(pool: ConnectionPool, connection: number): Promise<void> {
  return pool.crashThread(connection);
}
