// openPool: finds out where it runs, and hands the pool what it needs there.

import { StorageError } from "./errors.ts";
import { type PoolOptions, resolveOptions } from "./pool/options.ts";
import { ConnectionPool } from "./pool/pool.ts";
import { WriteQueue } from "./pool/write-queue.ts";

const MEMORY = ":memory:";

/**
 * Opens a pool of connections to the database at `path`: a file, or `":memory:"` for one database in
 * memory that all connections of the pool share. One connection is opened at once, so that what is
 * wrong with the path shows here; more are opened on demand.
 *
 * @throws TypeError, RangeError naming an option that is unknown or out of range
 * @throws StorageError (`locked` when another process has the file, `corrupt` when it is no
 *   database, `permission`, `unsupported`, …), BusyError, the signal's reason
 */
export async function openPool(path: string, options?: PoolOptions): Promise<ConnectionPool> {
  const resolved = resolveOptions(path, options);
  resolved.signal?.throwIfAborted();
  const storage = chooseStorage(path, resolved.storage);
  if (resolved.engine === "sql.js") throw unsupported('engine "sql.js"');
  const { openNodeBackend } = await import("./runtime/node.ts");
  const makeQueue = () => new WriteQueue();
  const backend = await openNodeBackend(path, { ...resolved, storage, makeQueue });
  return ConnectionPool.open(backend, resolved);
}

function chooseStorage(path: string, storage: string): "file" | "memory" {
  if (storage === "memory" || (storage === "auto" && path === MEMORY)) return "memory";
  if (storage === "file" && path === MEMORY) {
    throw new TypeError('":memory:" is no file; leave storage out, or give a path');
  }
  if (storage !== "auto" && storage !== "file") throw unsupported(`storage "${storage}"`);
  return "file";
}

function unsupported(what: string): StorageError {
  return new StorageError("unsupported", `${what} is not to be had in this runtime`);
}
