// The contract between the VFS and whatever keeps the bytes. A new storage is one file that
// implements this and passes `test/storage/contract.ts`.
//
// Everything is synchronous, because SQLite calls its VFS from WebAssembly. What fails throws a
// `StorageFault`; the VFS turns it into the result code SQLite expects and keeps the fault as the
// cause of the error the caller finally sees.

import { StorageError, type StorageReason } from "../errors.ts";

/** A failed storage operation. */
export class StorageFault extends Error {
  override readonly name = "StorageFault";
  readonly reason: StorageReason;
  /** The file does not exist. SQLite asks for some files only to learn that. */
  readonly notFound: boolean;
  /** The path that has to be prepared first; what failed can then be done again. */
  readonly unprepared: string | undefined;

  constructor(
    reason: StorageReason,
    message: string,
    options?: ErrorOptions & { readonly notFound?: boolean; readonly unprepared?: string },
  ) {
    super(message, options);
    this.reason = reason;
    this.notFound = options?.notFound ?? false;
    this.unprepared = options?.unprepared;
  }
}

/** A fault of the storage as the error callers know; anything else as it is. */
export function asStorageError(thrown: unknown): unknown {
  if (!(thrown instanceof StorageFault)) return thrown;
  return new StorageError(thrown.reason, thrown.message, { cause: thrown });
}

/** The path whose preparation would have kept `error` from happening, if that is why it did. */
export function unpreparedPath(error: unknown): string | undefined {
  for (let at = error; at instanceof Error; at = at.cause) {
    if (at instanceof StorageFault) return at.unprepared;
  }
  return undefined;
}

/** How a file is opened. */
export interface OpenFlags {
  /** Create the file if it is not there. Its directory must exist. */
  readonly create: boolean;
  /** Open for reading only. */
  readonly readonly: boolean;
}

/** An open file. Not used again after `close()`. */
export interface StorageFile {
  /** The file can only be read. */
  readonly readonly: boolean;
  /**
   * Fills `heap[start, start + length)` from byte `offset` of the file on, and returns how many
   * bytes there were; fewer than `length` only at the end of the file. Bytes beyond are left alone.
   */
  read(heap: Uint8Array, start: number, length: number, offset: number): number;
  /** Writes all of `heap[start, start + length)` at byte `offset`, or throws. A gap reads as zeros. */
  write(heap: Uint8Array, start: number, length: number, offset: number): void;
  truncate(sizeBytes: number): void;
  /** Returns when what was written survives a power cut. */
  sync(): void;
  /**
   * A number other than 0 that tells this file from one that has taken its name; 0 where names are not
   * taken by others.
   */
  readonly identity: number;
  /** The file has no name any more: nobody will find what is in it. */
  isDeleted(): boolean;
  /** Whoever opens its name finds this file: it was not deleted, moved or replaced. */
  isInPlace(): boolean;
  sizeBytes(): number;
  close(): void;
}

/** A place that keeps files. Paths are absolute: what `resolve` returned. */
export interface Storage {
  /** How much to read at a time of a file that is read from front to back; 0: a page is cheap. */
  readonly readAheadBytes: number;
  /** The one name of a file, whether it is there yet or not: absolute, without symbolic links. */
  resolve(path: string): string;
  /** @throws StorageFault with `notFound` when it is not there and `create` is false. */
  open(path: string, flags: OpenFlags): StorageFile;
  exists(path: string): boolean;
  /** The file could be opened for writing. */
  isWritable(path: string): boolean;
  /** Removes the file; durable when `syncDirectory`. @throws StorageFault with `notFound`. */
  delete(path: string, syncDirectory: boolean): void;
  /**
   * Makes the database file `path`, and its log and journal, ready for the calls above, where that
   * takes time. Until then those throw a fault that names the path as `unprepared`.
   */
  prepare?(path: string): Promise<void>;
  /** Where what is written is kept only later. */
  readonly writeBack?: WriteBack | undefined;
  /** Lets go of everything. Called once, when all files are closed. */
  close?(): Promise<void>;
}

/** How the changes of files in memory come to outlive it. */
export interface WriteBack {
  /** Raised by each change of a file. */
  readonly changes: number;
  /**
   * Keeps all changes, `durably` so that they survive a power cut. They must be such that SQLite could
   * recover from them, and no file may be used meanwhile.
   * @throws StorageFault; no file can be used then until `revert`
   */
  flush(durably: boolean): Promise<void>;
  /** After a flush that failed: the files can be set back to what is kept. Else they have to be prepared anew. */
  readonly canRevert: boolean;
  /** Undoes all changes that are not kept. */
  revert(): void;
}
