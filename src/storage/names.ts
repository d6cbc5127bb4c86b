// Names of databases: what is kept for their companions, and their one form where there is no file system of
// the machine, in browsers.

import { type Storage, StorageFault } from "./storage.ts";
import { refuseTemporary } from "./temporary-names.ts";

/** What the names of a database's files end in, its own first; https://sqlite.org/tempfiles.html */
export const SUFFIXES = ["", "-wal", "-journal"] as const;

/** The same in the order to delete them in: without the database, its log and journal mean nothing. */
export const SUFFIXES_TO_DELETE = ["-wal", "-journal", ""] as const;

/** Deletes what there is of a database that nobody has open. @throws StorageFault */
export function deleteDatabaseFiles(
  storage: Pick<Storage, "exists" | "delete">,
  path: string,
  syncDirectory: boolean,
): void {
  for (const suffix of SUFFIXES_TO_DELETE) {
    if (storage.exists(path + suffix)) storage.delete(path + suffix, syncDirectory);
  }
}

/**
 * The one form of a database's name: its parts joined by `/`, without `.`, `..` and a leading `/`.
 * @throws StorageFault for a name that no file can have, or that is kept for a database's companions
 */
export function resolveName(name: string): string {
  const parts: string[] = [];
  for (const part of name.split("/")) {
    if (part === "..") parts.pop();
    else if (part !== "" && part !== ".") parts.push(part);
  }
  if (parts.length === 0 || name.endsWith("/")) {
    throw new StorageFault("io", `"${name}" names a directory, and no file`);
  }
  const resolved = parts.join("/");
  refuseCompanion(resolved);
  return resolved;
}

/** @throws StorageFault for the name of a log or a journal: to open or delete it would damage its database */
export function refuseCompanion(name: string): void {
  if (databaseOf(name) === name) return;
  throw new StorageFault("io", `"${name}" is the name of another database's log or journal`);
}

/**
 * The one form of a name that a pool, or somebody who deletes a database, gives.
 * @throws StorageFault for a name that no such database can have
 */
export function resolveDatabase(name: string): string {
  const resolved = resolveName(name);
  refuseTemporary(resolved);
  if (isSuperJournal(resolved)) {
    throw new StorageFault("io", `"${name}" is the name of a temporary file; take another one`);
  }
  return resolved;
}

/** SQLite's name for the file that ties the journals of several databases together (pager.c). */
const SUPER_JOURNAL = /-mj[0-9A-F]{9}$/;

export function isSuperJournal(name: string): boolean {
  return SUPER_JOURNAL.test(name);
}

/** The name of the database to which a file of one belongs. */
export function databaseOf(name: string): string {
  return name.replace(/-(?:wal|journal)$/, "");
}
