// The origin private file system as a tree of names: everything about it that takes time.
// Specification: https://fs.spec.whatwg.org/

import { StorageFault } from "./storage.ts";
import { temporaryName } from "./temporary-names.ts";
import { faultOf } from "./web-faults.ts";

/** A file open for synchronous access; TypeScript's `dom` library leaves it to the one for workers. */
export interface AccessHandle {
  /** `"readwrite-unsafe"` where several handles of a file may be open at once. */
  readonly mode?: string;
  read(into: Uint8Array, options: { at: number }): number;
  write(from: Uint8Array, options: { at: number }): number;
  truncate(sizeBytes: number): void;
  getSize(): number;
  flush(): void;
  close(): void;
}

/** A file's handle in a dedicated worker. */
export interface WorkerFileHandle extends FileSystemFileHandle {
  createSyncAccessHandle(options?: { mode: string }): Promise<AccessHandle>;
}

/** The directory a file is in, and its name there. @throws StorageFault with `notFound`, or `unsupported` */
async function locate(
  path: string,
  options: { readonly create: boolean },
): Promise<{ directory: FileSystemDirectoryHandle; name: string }> {
  const parts = path.split("/");
  const name = parts.pop() ?? "";
  checkOpfs();
  try {
    let directory = await navigator.storage.getDirectory();
    for (const part of parts) directory = await directory.getDirectoryHandle(part, options);
    return { directory, name };
  } catch (thrown) {
    throw faultOf("open the directory of", path, thrown);
  }
}

/** The handle of a file; undefined where it is not there and not to be created. */
export async function findFile(
  path: string,
  options: { readonly create: boolean },
): Promise<FileSystemFileHandle | undefined> {
  try {
    const { directory, name } = await locate(path, options);
    return await directory.getFileHandle(name, options);
  } catch (thrown) {
    const fault = faultOf("open", path, thrown);
    if (fault.notFound && !options.create) return undefined;
    throw fault;
  }
}

/** Removes a file, if it is there. */
export async function removeFile(path: string): Promise<void> {
  try {
    const { directory, name } = await locate(path, { create: false });
    await directory.removeEntry(name);
  } catch (thrown) {
    const fault = faultOf("delete", path, thrown);
    if (!fault.notFound) throw fault;
  }
}

/** Removes those of `paths` that are empty files nobody has open. */
export async function removeEmptyFiles(paths: readonly string[]): Promise<void> {
  for (const path of paths) {
    try {
      const file = await findFile(path, { create: false });
      if (file !== undefined && (await file.getFile()).size === 0) await removeFile(path);
    } catch {
      // An empty file more does no harm: SQLite takes it for one that is not there.
    }
  }
}

/** The start of a file, and its size; nothing of one that is not there, or is going. */
export async function peek(
  path: string,
  length: number,
): Promise<{ readonly start: string; readonly sizeBytes: number }> {
  try {
    const file = await (await findFile(path, { create: false }))?.getFile();
    if (file !== undefined) {
      return { start: await file.slice(0, length).text(), sizeBytes: file.size };
    }
  } catch {
    // Somebody deletes it, or has just changed it: then it cannot be read by way of a `File`.
  }
  return { start: "", sizeBytes: 0 };
}

/** The paths of the files in a directory, and of those below it when `recursive`. */
export async function* walk(
  path: string,
  recursive: boolean,
): AsyncGenerator<string, void, undefined> {
  const { directory, name } = await locate(`${path}/`.replace(/^\/+/, ""), { create: false });
  if (name !== "") throw new Error(`BUG: ${path} is no directory`);
  yield* walkIn(directory, path === "" ? "" : `${path.replace(/\/+$/, "")}/`, recursive);
}

async function* walkIn(
  directory: FileSystemDirectoryHandle,
  prefix: string,
  recursive: boolean,
): AsyncGenerator<string, void, undefined> {
  for await (const entry of directory.values()) {
    const path = prefix + entry.name;
    if (entry.kind === "file") yield path;
    else if (recursive) yield* walkIn(entry, `${path}/`, recursive);
  }
}

/** The file is there, with something in it. @throws StorageFault where none can be */
export async function hasOpfsFile(path: string): Promise<boolean> {
  const file = await findFile(path, { create: false });
  return file !== undefined && (await file.getFile()).size > 0;
}

/** Writes something and reads it back, synchronously as SQLite will. @throws StorageFault */
export async function probeOpfs(): Promise<void> {
  const name = temporaryName("sqlite-wasm-pool-probe");
  const wrote = new TextEncoder().encode(name);
  try {
    const file = await findFile(name, { create: true });
    const handle = await openSync(file as WorkerFileHandle);
    try {
      const read = new Uint8Array(wrote.length);
      handle.write(wrote, { at: 0 });
      handle.flush();
      handle.read(read, { at: 0 });
      if (!read.every((byte, i) => byte === wrote[i])) {
        throw new StorageFault("io", "the file has something else in it than was written");
      }
    } finally {
      handle.close();
    }
  } finally {
    await removeFile(name).catch(() => {});
  }
}

/** Opens a file for synchronous access; with `mode` where others may have it open too. */
export function openSync(file: WorkerFileHandle, mode?: string): Promise<AccessHandle> {
  if (typeof file.createSyncAccessHandle !== "function") {
    throw new StorageFault(
      "unsupported",
      "the origin private file system needs a dedicated worker: leave `threads` out",
    );
  }
  return mode === undefined ? file.createSyncAccessHandle() : file.createSyncAccessHandle({ mode });
}

/** There is such a file system, and Web Locks that keep others off its files. */
export function hasOpfs(): boolean {
  return navigator.storage?.getDirectory !== undefined && navigator.locks !== undefined;
}

/** This thread can open files of it: only dedicated workers have synchronous access. */
export function canOpenFiles(): boolean {
  return hasOpfs() && "createSyncAccessHandle" in FileSystemFileHandle.prototype;
}

/** @throws StorageFault (`unsupported`) */
export function checkOpfs(): void {
  if (hasOpfs()) return;
  const why = isSecureContext ? "" : ": the page is not in a secure context (https, localhost)";
  throw new StorageFault("unsupported", `the browser has no origin private file system${why}`);
}
