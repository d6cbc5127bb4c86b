// Names of the files that a pool makes beside its database and deletes again, such as the one that an
// import is written to before it replaces anything: `app.db-temporary-` and 32 digits. A crash may leave
// one behind.

import { StorageFault } from "./storage.ts";

const TEMPORARY = /-temporary-[0-9a-f]{32}(?:-wal|-journal|-lock)?$/;

/** A name beside the database's for a file that is deleted again. */
export function temporaryName(database: string): string {
  const words = crypto.getRandomValues(new Uint8Array(16));
  const hex = Array.from(words, (byte) => byte.toString(16).padStart(2, "0")).join("");
  return `${database}-temporary-${hex}`;
}

/** The name is one that {@link temporaryName} gave, or of a file that belongs to it. */
export function isTemporary(name: string): boolean {
  return TEMPORARY.test(name);
}

/** The name is a temporary one, of the database of that name. */
export function isTemporaryOf(name: string, database: string): boolean {
  return name.replace(TEMPORARY, "") === database && name !== database;
}

/** @throws StorageFault for a name that is kept for temporary files */
export function refuseTemporary(name: string): void {
  if (!isTemporary(name)) return;
  throw new StorageFault("io", `"${name}" is the name of a temporary file; take another one`);
}
