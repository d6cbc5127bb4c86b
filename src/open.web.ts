// openPool for browsers.

import type { PoolOptions } from "./pool/options.ts";
import { ConnectionPool } from "./pool/pool.ts";
import * as web from "./runtime/web.ts";

/**
 * Opens a pool of connections to the database at `path`: a name in the origin's private file system,
 * or `":memory:"` for one database in memory that all connections of the pool share. One connection is
 * opened at once, so that what is wrong with the name shows here; more are opened on demand.
 *
 * @throws TypeError, RangeError naming an option that is unknown or out of range
 * @throws StorageError (`locked` when somebody else has the database, `corrupt` when it is no
 *   database, `unsupported`, …), BusyError, the signal's reason
 */
export async function openPool(path: string, options?: PoolOptions): Promise<ConnectionPool> {
  return ConnectionPool.openIn(async () => web, path, options);
}
