// A database in memory that every thread of the pool shares: its three files are buffers that grow
// in place. SQLite's locks order who reads and writes them, as they do for files. Where memory cannot be
// shared there is one thread, and its files are in chunks: buffers that may grow in place take address
// space, of which WebKit gives a page little.

import { canShareMemory } from "../shared-memory.ts";
import { ChunkedFile } from "./chunked-file.ts";
import { SUFFIXES } from "./names.ts";
import { OpenChunkedFile } from "./open-chunked-file.ts";
import { type OpenFlags, type Storage, StorageFault, type StorageFile } from "./storage.ts";

/** Words of a file's header. */
const EXISTS = 0;
const SIZE_LOW = 1;
const SIZE_HIGH = 2;
const HEADER_WORDS = 4;

const WORD = 2 ** 32;
const FIRST_CAPACITY = 1 << 16;
/** Address space asked for, the largest first; only what is used takes memory. */
const RESERVATIONS = [2 ** 32, 2 ** 31, 2 ** 30, 2 ** 28, 2 ** 26];

const CHUNK_BYTES = 65_536;

interface MemoryBytes {
  readonly header: SharedArrayBuffer;
  readonly bytes: SharedArrayBuffer;
}

/** The files of one database in memory. Where they are shared, plain data: it is sent to workers as it is. */
export interface MemoryDisk {
  readonly name: string;
  readonly files: readonly (MemoryBytes | ChunkedFile)[];
}

/** Makes an empty database in memory: shared between threads where the runtime allows it. */
export function createMemoryDisk(name: string): MemoryDisk {
  const isShared = canShareMemory();
  return { name, files: SUFFIXES.map(() => (isShared ? newBytes() : newChunkedFile())) };
}

function newChunkedFile(): ChunkedFile {
  return new ChunkedFile(CHUNK_BYTES);
}

function newBytes(): MemoryBytes {
  const header = new SharedArrayBuffer(HEADER_WORDS * 4);
  for (const maxByteLength of RESERVATIONS) {
    try {
      return { header, bytes: new SharedArrayBuffer(0, { maxByteLength }) };
    } catch (thrown) {
      if (!(thrown instanceof RangeError)) throw thrown;
    }
  }
  throw new StorageFault("quota", "there is no memory left for a database");
}

/**
 * The files of `disk`. Others whose names start with the disk's and a hyphen are this storage's alone,
 * and anything else goes to `fallback`, where there is one.
 */
export function memoryStorage(disk: MemoryDisk, fallback?: Storage): Storage {
  const own = new Map(SUFFIXES.map((suffix, i) => [disk.name + suffix, disk.files[i]] as const));
  const isScratch = (path: string) => path.startsWith(`${disk.name}-`) && !own.has(path);
  const scratch = new Map<string, ChunkedFile>();
  const fileOf = (path: string) => own.get(path) ?? scratch.get(path);
  const elsewhere = (path: string): Storage => {
    if (fallback !== undefined) return fallback;
    throw new StorageFault("unsupported", `there is no place for ${path} beside ${disk.name}`);
  };
  return {
    readAheadBytes: 0,
    resolve(path) {
      return own.has(path) || isScratch(path) ? path : elsewhere(path).resolve(path);
    },
    open(path, flags) {
      if (isScratch(path) && flags.create && !scratch.has(path))
        scratch.set(path, newChunkedFile());
      const file = fileOf(path);
      if (file !== undefined) return openMemory(path, file, flags);
      if (isScratch(path)) throw notFound(path);
      return elsewhere(path).open(path, flags);
    },
    exists(path) {
      const file = fileOf(path);
      if (file !== undefined) return isThere(file);
      return !isScratch(path) && elsewhere(path).exists(path);
    },
    isWritable: (path) => own.has(path) || isScratch(path) || elsewhere(path).isWritable(path),
    delete(path, syncDirectory) {
      if (scratch.delete(path)) return;
      if (isScratch(path)) throw notFound(path);
      const file = own.get(path);
      if (file === undefined) return elsewhere(path).delete(path, syncDirectory);
      if (!isThere(file)) throw notFound(path);
      if (file instanceof ChunkedFile) {
        file.remove();
        return;
      }
      // The bytes stay with those who have the file open, as a deleted file's do: they are
      // cleared when it is created anew.
      Atomics.store(new Int32Array(file.header), EXISTS, 0);
    },
    async prepare(path) {
      await fallback?.prepare?.(path);
    },
    get writeBack() {
      return fallback?.writeBack;
    },
    async close() {
      await fallback?.close?.();
    },
  };
}

function isThere(file: MemoryBytes | ChunkedFile): boolean {
  if (file instanceof ChunkedFile) return file.exists;
  const { header } = file;
  return Atomics.load(new Int32Array(header), EXISTS) === 1;
}

function notFound(path: string): StorageFault {
  return new StorageFault("io", `${path} does not exist`, { notFound: true });
}

function openMemory(
  path: string,
  file: MemoryBytes | ChunkedFile,
  { create, readonly }: OpenFlags,
): StorageFile {
  if (file instanceof ChunkedFile) {
    if (!file.exists && !create) throw notFound(path);
    file.create();
    return new OpenChunkedFile(file, { readonly });
  }
  const opened = new MemoryFile(file, readonly);
  if (isThere(file)) return opened;
  if (!create) throw notFound(path);
  opened.truncate(0);
  Atomics.store(new Int32Array(file.header), EXISTS, 1);
  return opened;
}

class MemoryFile implements StorageFile {
  readonly identity = 0;
  readonly readonly: boolean;
  readonly #header: Int32Array;
  readonly #buffer: SharedArrayBuffer;
  /** Follows the buffer as it grows. */
  readonly #bytes: Uint8Array;

  constructor({ header, bytes }: MemoryBytes, readonly: boolean) {
    this.readonly = readonly;
    this.#header = new Int32Array(header);
    this.#buffer = bytes;
    this.#bytes = new Uint8Array(bytes);
  }

  read(heap: Uint8Array, start: number, length: number, offset: number): number {
    const got = Math.max(0, Math.min(length, this.sizeBytes() - offset));
    heap.set(this.#bytes.subarray(offset, offset + got), start);
    return got;
  }

  write(heap: Uint8Array, start: number, length: number, offset: number): void {
    const end = offset + length;
    this.#reserve(end);
    this.#bytes.set(heap.subarray(start, start + length), offset);
    if (end > this.sizeBytes()) this.#setSize(end);
  }

  /** What is cut off is cleared, so that a gap reads as zeros when the file grows again. */
  truncate(sizeBytes: number): void {
    const before = this.sizeBytes();
    if (sizeBytes < before) this.#bytes.fill(0, sizeBytes, before);
    else this.#reserve(sizeBytes);
    this.#setSize(sizeBytes);
  }

  sync(): void {}

  isDeleted(): boolean {
    return false;
  }

  isInPlace(): boolean {
    return true;
  }

  sizeBytes(): number {
    const low = Atomics.load(this.#header, SIZE_LOW) >>> 0;
    return Atomics.load(this.#header, SIZE_HIGH) * WORD + low;
  }

  close(): void {}

  #setSize(sizeBytes: number): void {
    Atomics.store(this.#header, SIZE_HIGH, Math.floor(sizeBytes / WORD));
    Atomics.store(this.#header, SIZE_LOW, (sizeBytes % WORD) | 0);
  }

  #reserve(sizeBytes: number): void {
    const buffer = this.#buffer;
    if (sizeBytes <= buffer.byteLength) return;
    if (sizeBytes > buffer.maxByteLength) {
      throw new StorageFault(
        "quota",
        `a database in memory may take ${buffer.maxByteLength} bytes`,
      );
    }
    const doubled = Math.max(sizeBytes, 2 * buffer.byteLength, FIRST_CAPACITY);
    const target = Math.min(buffer.maxByteLength, doubled);
    try {
      buffer.grow(target);
    } catch (thrown) {
      // Another thread may have grown the buffer beyond `target` meanwhile.
      if (sizeBytes <= buffer.byteLength) return;
      throw new StorageFault("quota", "there is no memory left", { cause: thrown });
    }
  }
}
