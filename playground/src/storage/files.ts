// The databases of this origin, and where they are files of the origin private file system, those too.

import { type DatabaseFile, listDatabases } from "sqlite-wasm-pool";

/** One file of a database. */
export interface FileSize {
  readonly name: string;
  /** Undefined where the browser does not tell while the file is open. */
  readonly sizeBytes: number | undefined;
}

/** A database with the files it consists of. */
export interface DatabaseFiles extends DatabaseFile {
  readonly files: readonly FileSize[];
}

const SUFFIXES = ["", "-wal", "-journal"];

/** Every database of the origin. @throws StorageError where the browser keeps none for this page */
export async function readDatabases(): Promise<DatabaseFiles[]> {
  const databases = await listDatabases({ recursive: true });
  return Promise.all(
    databases.map(async (database) => ({ ...database, files: await filesOf(database.path) })),
  );
}

async function filesOf(path: string): Promise<FileSize[]> {
  const parts = path.split("/");
  const name = parts.pop() ?? "";
  try {
    let directory = await navigator.storage.getDirectory();
    for (const part of parts) directory = await directory.getDirectoryHandle(part);
    const files = SUFFIXES.map((suffix) => fileSize(directory, name + suffix));
    return (await Promise.all(files)).filter((file) => file !== undefined);
  } catch {
    // It is kept in another way, or has just gone.
    return [];
  }
}

async function fileSize(
  directory: FileSystemDirectoryHandle,
  name: string,
): Promise<FileSize | undefined> {
  const handle = await directory.getFileHandle(name).catch(() => undefined);
  if (handle === undefined) return undefined;
  const file = await handle.getFile().catch(() => undefined);
  return { name, sizeBytes: file?.size };
}
