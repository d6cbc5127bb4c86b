// The database file and its log, read in blocks while they are read from front to back: a call of the
// storage costs more than the page it brings.
//
// A block is as good as the pages themselves for as long as nobody may write those that SQLite would
// take from the file. That is for one read transaction: under a SHARED lock nobody writes the file,
// and in WAL mode a checkpoint writes only pages that the readers there are find in the log (wal.c,
// `walCheckpoint`). The frames of a log are not written again before all who may read them have let go
// of their locks. So whoever begins a read transaction, or a checkpoint, calls `forget` first.
//
// The block lies in the memory the pages are copied to: a copy within one buffer is the fastest there is.

import type { Heap } from "../shm/heap.ts";
import type { StorageFile } from "../storage/storage.ts";
import { FRAME_HEADER_BYTES } from "./log-file.ts";

/** What is smaller is no page: SQLite looks at a few bytes of the header now and then. */
const LEAST_PAGE_BYTES = 512;

/** One connection's view of a file. */
export class ReadAheadFile implements StorageFile {
  readonly readonly: boolean;
  readonly identity: number;
  readonly #file: StorageFile;
  readonly #blockBytes: number;
  readonly #heap: Heap;
  /** Where the block is; 0 before it is needed, and where there is no memory for it. */
  #block = 0;
  /** The block holds bytes `[from, to)` of the file. */
  #from = 0;
  #to = 0;
  /** Where the next page starts if the file is read from front to back, but for a log's header between. */
  #next = Number.POSITIVE_INFINITY;

  /** All reads go to `heap`. */
  constructor(file: StorageFile, blockBytes: number, heap: Heap) {
    this.#file = file;
    this.#heap = heap;
    this.#blockBytes = blockBytes;
    this.readonly = file.readonly;
    this.identity = file.identity;
  }

  /** A read transaction begins: the file may have been written since the last one. */
  forget(): void {
    this.#to = 0;
  }

  /** May let the memory grow: a view from before is not good any more. */
  read(heap: Uint8Array, start: number, length: number, offset: number): number {
    if (length < LEAST_PAGE_BYTES) return this.#file.read(heap, start, length, offset);
    const isNext = offset >= this.#next && offset <= this.#next + FRAME_HEADER_BYTES;
    this.#next = offset + length;
    if (offset < this.#from || offset + length > this.#to) {
      if (!isNext || length >= this.#blockBytes || !this.#readBlock(offset)) {
        return this.#file.read(heap, start, length, offset);
      }
    }
    const end = Math.min(offset + length, this.#to);
    const shift = this.#block - this.#from;
    this.#heap.u8().copyWithin(start, offset + shift, end + shift);
    return end - offset;
  }

  write(heap: Uint8Array, start: number, length: number, offset: number): void {
    this.forget();
    this.#file.write(heap, start, length, offset);
  }

  truncate(sizeBytes: number): void {
    this.forget();
    this.#file.truncate(sizeBytes);
  }

  sync(): void {
    this.#file.sync();
  }

  isDeleted(): boolean {
    return this.#file.isDeleted();
  }

  isInPlace(): boolean {
    return this.#file.isInPlace();
  }

  sizeBytes(): number {
    return this.#file.sizeBytes();
  }

  close(): void {
    this.#heap.free(this.#block);
    this.#block = 0;
    this.#file.close();
  }

  /** False where there is no memory for the block. */
  #readBlock(offset: number): boolean {
    this.#to = 0;
    this.#block ||= this.#heap.alloc(this.#blockBytes);
    if (this.#block === 0) return false;
    const got = this.#file.read(this.#heap.u8(), this.#block, this.#blockBytes, offset);
    this.#from = offset;
    this.#to = offset + got;
    return true;
  }
}
