// openPool: finds out where it runs, and hands the pool what it needs there.

import type { PoolOptions } from "./pool/options.ts";
import { ConnectionPool } from "./pool/pool.ts";
import { hasNodeModules } from "./runtime/detect.ts";

/**
 * Opens a pool of connections to the database at `path`: a file, a name in the origin's private file
 * system (browsers), or `":memory:"` for one database in memory that all connections of the pool share.
 * One connection is opened at once, so that what is wrong with the path shows here; more are opened on
 * demand.
 *
 * @throws TypeError, RangeError naming an option that is unknown or out of range
 * @throws StorageError (`locked` when another process has the file, `corrupt` when it is no
 *   database, `permission`, `unsupported`, …), BusyError, the signal's reason
 */
export async function openPool(path: string, options?: PoolOptions): Promise<ConnectionPool> {
  return ConnectionPool.openIn(loadRuntime, path, options);
}

/** Loads what this platform needs, and nothing of the other. */
async function loadRuntime() {
  return hasNodeModules() ? import("./runtime/node.ts") : import("./runtime/web.ts");
}
