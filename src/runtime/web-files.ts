// Databases of the origin private file system, without opening any; persistence and quota.

import { StorageError } from "../errors.ts";
import { tabNames } from "../rpc/tab-protocol.ts";
import { tryWebLock } from "../rpc/web-lock.ts";
import { peek, removeFile, resolveName, walk } from "../storage/opfs-files.ts";
import { asStorageError, unsupported } from "./backend-options.ts";

/** The bytes every database starts with, https://sqlite.org/fileformat2.html#magic_header_string */
const MAGIC = "SQLite format 3\0";
const COMPANIONS = ["-wal", "-journal"] as const;

export async function listDatabases(options: { directory?: string; recursive?: boolean }) {
  checkStorage();
  const found: { path: string; sizeBytes: number }[] = [];
  try {
    for await (const path of walk(options.directory ?? "", options.recursive ?? false)) {
      const [file, ...others] = await Promise.all(
        ["", ...COMPANIONS].map((suffix) => peek(path + suffix, MAGIC.length)),
      );
      if (file?.start !== MAGIC) continue;
      found.push({
        path,
        sizeBytes: others.reduce((sum, { sizeBytes }) => sum + sizeBytes, file.sizeBytes),
      });
    }
  } catch (thrown) {
    throw asStorageError(thrown);
  }
  return found.sort((a, b) => (a.path < b.path ? -1 : 1));
}

export async function deleteDatabase(path: string): Promise<void> {
  checkStorage();
  try {
    const name = resolveName(path);
    const lock = await tryWebLock(tabNames(name).owner);
    if (lock === undefined) {
      throw new StorageError("locked", `${name} is in use; close every pool on it first`);
    }
    try {
      for (const suffix of [...COMPANIONS, ""]) await removeFile(name + suffix);
    } finally {
      lock.release();
    }
  } catch (thrown) {
    throw asStorageError(thrown);
  }
}

export async function estimateStorage() {
  checkStorage();
  const { usage = 0, quota = 0 } = await navigator.storage.estimate();
  return { usageBytes: usage, quotaBytes: quota, persisted: await navigator.storage.persisted() };
}

export async function persistStorage(): Promise<boolean> {
  checkStorage();
  return (await navigator.storage.persisted()) || navigator.storage.persist();
}

function checkStorage(): void {
  if (navigator.storage?.getDirectory === undefined || navigator.locks === undefined) {
    throw unsupported("the origin private file system");
  }
}
