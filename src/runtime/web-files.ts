// Databases of the origin, without opening any: in its private file system and in IndexedDB; persistence
// and quota.

import { StorageError } from "../errors.ts";
import { tryTakeDatabase } from "../rpc/name-guard.ts";
import { resolveDatabase, SUFFIXES, SUFFIXES_TO_DELETE } from "../storage/names.ts";
import { hasOpfs, peek, removeFile, walk } from "../storage/opfs-files.ts";
import { asStorageError } from "../storage/storage.ts";
import { DATABASE_MAGIC } from "../types.ts";
import { unsupported } from "./backend-options.ts";

interface Listed {
  readonly path: string;
  readonly sizeBytes: number;
}

export async function listDatabases(options: { directory?: string; recursive?: boolean }) {
  const { directory = "", recursive = false } = options;
  try {
    const inOpfs = hasOpfs() ? await listOpfs(directory, recursive) : [];
    const { listKeptFiles } = await import("../storage/indexeddb-files.ts");
    const isListed = isBelow(directory, recursive);
    const kept = (await listKeptFiles()).filter(({ path }) => isListed(path));
    // Of two of one name, the one in the private file system is what a pool opens.
    const all = new Map([...kept, ...inOpfs].map((each) => [each.path, each]));
    return [...all.values()].sort((a, b) => (a.path < b.path ? -1 : 1));
  } catch (thrown) {
    throw asStorageError(thrown);
  }
}

async function listOpfs(directory: string, recursive: boolean): Promise<Listed[]> {
  const found: Listed[] = [];
  for await (const path of walk(directory, recursive)) {
    const [file, ...others] = await Promise.all(
      SUFFIXES.map((suffix) => peek(path + suffix, DATABASE_MAGIC.length)),
    );
    if (file?.start !== DATABASE_MAGIC) continue;
    found.push({
      path,
      sizeBytes: others.reduce((sum, { sizeBytes }) => sum + sizeBytes, file.sizeBytes),
    });
  }
  return found;
}

/** The names in a directory of names. */
function isBelow(directory: string, recursive: boolean): (name: string) => boolean {
  const prefix = directory.replace(/^\/+|\/+$/g, "");
  const start = prefix === "" ? "" : `${prefix}/`;
  return (name) => name.startsWith(start) && (recursive || !name.slice(start.length).includes("/"));
}

export async function deleteDatabase(path: string): Promise<void> {
  try {
    const name = resolveDatabase(path);
    const lock = await tryTakeDatabase(name);
    if (lock === undefined) {
      throw new StorageError("locked", `${name} is in use; close every pool on it first`);
    }
    try {
      if (hasOpfs()) for (const suffix of SUFFIXES_TO_DELETE) await removeFile(name + suffix);
      const { deleteKeptFiles } = await import("../storage/indexeddb-files.ts");
      await deleteKeptFiles(name);
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
  if (navigator.storage?.estimate === undefined) throw unsupported("the room there is for data");
}
