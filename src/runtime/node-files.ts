// Databases in the file system, without opening any.

import * as fs from "node:fs/promises";
import { join } from "node:path";
import { StorageError } from "../errors.ts";
import { acquireLockFile, describeHolder, isLockFile } from "../storage/lock-file.ts";
import { deleteDatabaseFiles, refuseCompanion, SUFFIXES } from "../storage/names.ts";
import { nodeFsStorage } from "../storage/node-fs.ts";
import { sweepTemporaries } from "../storage/node-temporaries.ts";
import { type Storage, StorageFault } from "../storage/storage.ts";
import { isTemporary } from "../storage/temporary-names.ts";
import { DATABASE_MAGIC } from "../types.ts";
import { translated } from "./backend-options.ts";

export async function listDatabases(options: { directory?: string; recursive?: boolean }) {
  const { directory = ".", recursive = false } = options;
  const found: { path: string; sizeBytes: number }[] = [];
  for await (const path of filesIn(directory, recursive)) {
    if (isTemporary(path) || !(await isDatabase(path))) continue;
    const sizes = await Promise.all(SUFFIXES.map((suffix) => sizeOf(path + suffix)));
    found.push({ path, sizeBytes: sizes.reduce((sum, size) => sum + size) });
  }
  return found.sort((a, b) => (a.path < b.path ? -1 : 1));
}

export async function deleteDatabase(path: string): Promise<void> {
  const files = nodeFsStorage();
  translated(() => {
    const name = nameOf(files, path);
    if (name === undefined) return;
    refuseCompanion(name);
    if (isLockFile(name)) {
      throw new StorageError("io", `${name} is the lock of a database, and goes with its holder`);
    }
    const lock = acquireLockFile(name);
    if ("holder" in lock) {
      const who = describeHolder(lock.holder, name);
      throw new StorageError("locked", `${name} is in use by ${who}; close every pool on it first`);
    }
    try {
      deleteFilesOf(name);
    } finally {
      lock.release();
    }
  });
}

/**
 * Deletes the database file `path` and all beside it that is its own.
 * @pre nobody has it open, and this thread has its lock
 * @throws StorageFault
 */
export function deleteFilesOf(path: string): void {
  const files = nodeFsStorage();
  sweepTemporaries(path);
  deleteDatabaseFiles(files, path, true);
}

/** The one name of a file; undefined where its directory is not there, and so no file can be. */
function nameOf(files: Storage, path: string): string | undefined {
  try {
    return files.resolve(path);
  } catch (thrown) {
    if (thrown instanceof StorageFault && thrown.notFound) return undefined;
    throw thrown;
  }
}

/** The room on the disk that the working directory is on. */
export async function estimateStorage() {
  const { bsize, blocks, bavail } = await fs.statfs(".");
  return { usageBytes: (blocks - bavail) * bsize, quotaBytes: blocks * bsize, persisted: true };
}

/** Files stay where they are. */
export async function persistStorage(): Promise<boolean> {
  return true;
}

/** Step by step: `readdir` does not go into directories before Node 20.1. */
async function* filesIn(directory: string, recursive: boolean): AsyncGenerator<string> {
  for (const entry of await entriesOf(directory)) {
    const path = join(directory, entry.name);
    if (entry.isFile()) yield path;
    else if (recursive && entry.isDirectory()) yield* filesIn(path, recursive);
  }
}

async function entriesOf(directory: string) {
  try {
    return await fs.readdir(directory, { withFileTypes: true });
  } catch (thrown) {
    const { code, message } = thrown as { code?: string; message: string };
    const reason = code === "EACCES" || code === "EPERM" ? "permission" : "io";
    throw new StorageError(reason, `could not list ${directory}: ${message}`, { cause: thrown });
  }
}

async function isDatabase(path: string): Promise<boolean> {
  try {
    const file = await fs.open(path, "r");
    try {
      const { buffer, bytesRead } = await file.read(
        Buffer.alloc(DATABASE_MAGIC.length),
        0,
        DATABASE_MAGIC.length,
        0,
      );
      return buffer.toString("latin1", 0, bytesRead) === DATABASE_MAGIC;
    } finally {
      await file.close();
    }
  } catch {
    // Who may not read a file cannot open it as a database either.
    return false;
  }
}

async function sizeOf(path: string): Promise<number> {
  try {
    return (await fs.stat(path)).size;
  } catch {
    return 0;
  }
}
