// Names of databases where there is no file system of the machine: browsers.

import { StorageFault } from "./storage.ts";

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
  if (databaseOf(resolved) !== resolved) {
    throw new StorageFault("io", `"${name}" is the name of another database's log or journal`);
  }
  return resolved;
}

/**
 * The one form of a name that a pool, or somebody who deletes a database, gives.
 * @throws StorageFault for a name that no such database can have
 */
export function resolveDatabase(name: string): string {
  const resolved = resolveName(name);
  if (isTemporary(resolved) || isSuperJournal(resolved)) {
    throw new StorageFault("io", `"${name}" is the name of a temporary file; take another one`);
  }
  return resolved;
}

const TEMPORARY = /-temporary-[0-9a-f]{32}(?:-wal|-journal)?$/;
/** SQLite's name for the file that ties the journals of several databases together (pager.c). */
const SUPER_JOURNAL = /-mj[0-9A-F]{9}$/;

/** A name beside the database's for a file that is deleted again. */
export function temporaryName(name: string): string {
  const words = crypto.getRandomValues(new Uint8Array(16));
  const hex = Array.from(words, (byte) => byte.toString(16).padStart(2, "0")).join("");
  return `${name}-temporary-${hex}`;
}

/** The name is one that {@link temporaryName} gave, or its log or journal. */
export function isTemporary(name: string): boolean {
  return TEMPORARY.test(name);
}

export function isSuperJournal(name: string): boolean {
  return SUPER_JOURNAL.test(name);
}

/** The name of the database to which a file of one belongs. */
export function databaseOf(name: string): string {
  return name.replace(/-(?:wal|journal)$/, "");
}
