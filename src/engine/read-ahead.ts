// The database file, read in blocks while it is read from front to back: a call of the storage costs
// more than the page it brings.
//
// A block is as good as the pages themselves for as long as nobody may write those that SQLite would
// take from the file. That is for one read transaction: under a SHARED lock nobody writes the file,
// and in WAL mode a checkpoint writes only pages that the readers there are find in the log (wal.c,
// `walCheckpoint`). So whoever begins a read transaction calls `forget` first.

import type { StorageFile } from "../storage/storage.ts";

/** What is smaller is no page: SQLite looks at a few bytes of the header now and then. */
const LEAST_PAGE_BYTES = 512;

/** One connection's view of a database file. */
export class ReadAheadFile implements StorageFile {
  readonly readonly: boolean;
  readonly identity: number;
  readonly #file: StorageFile;
  readonly #blockBytes: number;
  #block = new Uint8Array(0);
  /** Views of the block, by number, for pages of {@link #pageBytes}. */
  readonly #pages: Uint8Array[] = [];
  #pageBytes = 0;
  /** The block holds bytes `[from, to)` of the file. */
  #from = 0;
  #to = 0;
  /** Where the next page starts if the file is read from front to back. */
  #next = -1;

  constructor(file: StorageFile, blockBytes: number) {
    this.#file = file;
    this.#blockBytes = blockBytes;
    this.readonly = file.readonly;
    this.identity = file.identity;
  }

  /** A read transaction begins: the file may have been written since the last one. */
  forget(): void {
    this.#to = 0;
  }

  read(heap: Uint8Array, start: number, length: number, offset: number): number {
    if (length < LEAST_PAGE_BYTES) return this.#file.read(heap, start, length, offset);
    const inBlock = offset >= this.#from && offset + length <= this.#to;
    if (!inBlock) {
      const isNext = offset === this.#next;
      this.#next = offset + length;
      if (!isNext || length >= this.#blockBytes) {
        return this.#file.read(heap, start, length, offset);
      }
      this.#readBlock(offset);
    }
    this.#next = offset + length;
    const end = Math.min(offset + length, this.#to);
    heap.set(this.#part(offset - this.#from, end - this.#from), start);
    return end - offset;
  }

  /** Bytes `[from, to)` of the block. Pages are all of one size: their views are made once. */
  #part(from: number, to: number): Uint8Array {
    const length = to - from;
    if (from % length !== 0) return this.#block.subarray(from, to);
    if (length !== this.#pageBytes) {
      this.#pageBytes = length;
      this.#pages.length = 0;
    }
    const index = from / length;
    let page = this.#pages[index];
    if (page === undefined) {
      page = this.#block.subarray(from, to);
      this.#pages[index] = page;
    }
    return page;
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

  sizeBytes(): number {
    return this.#file.sizeBytes();
  }

  close(): void {
    this.#file.close();
  }

  #readBlock(offset: number): void {
    if (this.#block.length === 0) this.#block = new Uint8Array(this.#blockBytes);
    this.#to = 0;
    const got = this.#file.read(this.#block, 0, this.#blockBytes, offset);
    this.#from = offset;
    this.#to = offset + got;
  }
}
