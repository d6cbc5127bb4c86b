// The databases of this origin as files: SQLite's own, in the origin private file system, under the names
// they were opened by.

/** A database with the files beside it. */
export interface DatabaseFiles {
  readonly name: string;
  readonly sizeBytes: number;
  readonly logBytes: number;
  readonly files: readonly FileEntry[];
}

export interface FileEntry {
  readonly name: string;
  /** Undefined where the browser does not tell while the file is open. */
  readonly sizeBytes: number | undefined;
}

const BESIDE = /-(?:wal|journal|shm)$/;
const MAGIC = "SQLite format 3\0";

/** Undefined where this browser has no such file system, or refuses it to the page. */
export async function listDatabases(): Promise<readonly DatabaseFiles[] | undefined> {
  if (navigator.storage?.getDirectory === undefined) return undefined;
  let root: FileSystemDirectoryHandle;
  try {
    root = await navigator.storage.getDirectory();
  } catch {
    return undefined;
  }
  const files: FileEntry[] = [];
  const mains: string[] = [];
  for await (const [name, handle] of filesOf(root, "")) {
    const file = await handle.getFile().catch(() => undefined);
    files.push({ name, sizeBytes: file?.size });
    if (!BESIDE.test(name) && (await isDatabase(file))) mains.push(name);
  }
  return mains.sort().map((name) => {
    const own = files.filter(
      (file) => file.name === name || file.name.replace(BESIDE, "") === name,
    );
    const log = own.find((file) => file.name === `${name}-wal`);
    return {
      name,
      files: own,
      sizeBytes: own.find((file) => file.name === name)?.sizeBytes ?? 0,
      logBytes: log?.sizeBytes ?? 0,
    };
  });
}

/** A new database is an empty file until its first write, or until the log is moved into it. */
async function isDatabase(file: File | undefined): Promise<boolean> {
  if (file === undefined || file.size === 0) return true;
  const start = await file
    .slice(0, MAGIC.length)
    .text()
    .catch(() => MAGIC);
  return start === MAGIC;
}

type Entries = AsyncIterable<[string, FileSystemHandle]>;

async function* filesOf(
  directory: FileSystemDirectoryHandle,
  path: string,
): AsyncGenerator<[string, FileSystemFileHandle]> {
  const { entries } = directory as unknown as { entries?(): Entries };
  if (entries === undefined) return;
  for await (const [name, handle] of entries.call(directory)) {
    if (handle.kind === "file") yield [path + name, handle as FileSystemFileHandle];
    else yield* filesOf(handle as FileSystemDirectoryHandle, `${path}${name}/`);
  }
}
