// openPool for browsers.

import { StorageError } from "./errors.ts";
import type { DatabaseFile, Files, ListOptions, StorageEstimate } from "./pool/files.ts";
import { checkListOptions, checkPath, type PoolOptions } from "./pool/options.ts";
import { ConnectionPool } from "./pool/pool.ts";
import { isBrowser } from "./runtime/detect.ts";

/**
 * Opens a pool of connections to the database at `path`: a name in the origin's private file system, or in
 * IndexedDB where there is none; or `":memory:"` for one database in memory that all connections of the pool
 * share. One connection is opened at once, so that what is wrong with the name shows here; more are opened on
 * demand.
 *
 * @throws TypeError, RangeError naming an option that is unknown or out of range
 * @throws StorageError (`locked` when somebody else has the database, `corrupt` when it is no
 *   database, `unsupported`, …), BusyError, the signal's reason
 */
export async function openPool(path: string, options?: PoolOptions): Promise<ConnectionPool> {
  return ConnectionPool.openIn(loadRuntime, path, options);
}

/**
 * The databases of a directory, sorted by name, whether somebody has them open or not.
 * @throws TypeError for a wrong option; StorageError
 */
export async function listDatabases(options: ListOptions = {}): Promise<DatabaseFile[]> {
  checkListOptions(options);
  return (await loadFiles()).listDatabases(options);
}

/**
 * Deletes a database that nobody has open, with its log and journal; nothing happens where there is
 * none. A pool deletes its own by {@link ConnectionPool.deleteDatabase}.
 * @throws TypeError for what is no path; StorageError (`locked` when it is open, `io` for the name of another
 *   database's log or journal)
 */
export async function deleteDatabase(path: string): Promise<void> {
  checkPath(path);
  await (await loadFiles()).deleteDatabase(path);
}

/** How much room there is for databases: the origin's quota, or the disk. @throws StorageError */
export async function estimateStorage(): Promise<StorageEstimate> {
  return (await loadFiles()).estimateStorage();
}

/**
 * Asks the browser to keep the origin's data when the device runs out of room, which may ask the user;
 * tells whether it will. True at once where data is not thrown away.
 * @throws StorageError (`unsupported`) where the browser has no storage to ask about
 */
export async function persistStorage(): Promise<boolean> {
  return (await loadFiles()).persistStorage();
}

async function loadRuntime() {
  checkBrowser();
  return import("./runtime/web.ts");
}

async function loadFiles(): Promise<Files> {
  checkBrowser();
  return import("./runtime/web-files.ts");
}

/** Server-side rendering may import a page's modules; there is nothing for it to open. */
function checkBrowser(): void {
  if (isBrowser()) return;
  const advice = "open the database in the browser, or import without the condition `browser`";
  throw new StorageError("unsupported", `this is no browser: ${advice}`);
}
