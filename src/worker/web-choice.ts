// Where a database of a browser lives when nobody has said: found out by trying.

import { StorageError } from "../errors.ts";
import { hasOpfsFile, probeOpfs } from "../storage/opfs-files.ts";
import { faultOf } from "../storage/web-faults.ts";
import type { Fallback } from "../types.ts";

export interface WebChoice {
  readonly chosen: "opfs" | "indexeddb";
  /** What would have been preferred, and why it was not chosen. */
  readonly fallbacks: readonly Fallback[];
}

/**
 * Where the database is, if it exists: in the origin private file system before IndexedDB. A new one comes
 * to the first of the two in which something can be written and read back.
 * @throws StorageError (`unsupported`) that says what was tried
 */
export async function chooseWebStorage(name: string): Promise<WebChoice> {
  const { hasKeptFiles, probeIndexedDb } = await import("../storage/indexeddb-files.ts");
  const inOpfs = await attempt(() => hasOpfsFile(name));
  if (inOpfs.value) return { chosen: "opfs", fallbacks: [] };
  const inIndexedDb = await attempt(() => hasKeptFiles(name));
  if (inIndexedDb.value) {
    const why = inOpfs.why ?? "the database is in IndexedDB already";
    return { chosen: "indexeddb", fallbacks: [{ tried: "opfs", why }] };
  }
  const opfs = inOpfs.why ?? (await attempt(probeOpfs)).why;
  if (opfs === undefined) return { chosen: "opfs", fallbacks: [] };
  const indexedDb = inIndexedDb.why ?? (await attempt(probeIndexedDb)).why;
  if (indexedDb === undefined) {
    return { chosen: "indexeddb", fallbacks: [{ tried: "opfs", why: opfs }] };
  }
  throw new StorageError(
    "unsupported",
    `nothing can be stored here: origin private file system: ${opfs}; IndexedDB: ${indexedDb}; a database in memory (storage: "memory") is left`,
  );
}

async function attempt<T>(body: () => Promise<T>): Promise<{ value?: T; why?: string }> {
  try {
    return { value: await body() };
  } catch (thrown) {
    return { why: faultOf("use", "it", thrown).message };
  }
}
