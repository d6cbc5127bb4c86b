// The write-ahead log as a file that takes each frame in one write.
//
// SQLite writes a frame in two calls, 24 bytes of header and then the page (wal.c, `walWriteOneFrame`),
// and a call costs more than its bytes. The header is held back until its page comes, which is the
// very next call on the file; only where it is appended, because a header that is rewritten in place
// (`walRewriteChecksums`) has no page after it. Frames are put together in the memory they come from: a
// copy within one buffer is the fastest there is.

import type { Heap } from "../shm/heap.ts";
import { StorageFault, type StorageFile } from "../storage/storage.ts";

/** Bytes in front of each page of the log, https://sqlite.org/fileformat2.html#walformat */
const FRAME_HEADER_BYTES = 24;
const MOST_PAGE_BYTES = 65_536;

/** A log over the file that holds it. */
export class LogFile implements StorageFile {
  readonly readonly: boolean;
  readonly identity: number;
  readonly #file: StorageFile;
  readonly #heap: Heap;
  /** Address of one frame. */
  readonly #frame: number;
  /** Where the header at `#frame` belongs; -1 when none is held back. */
  #headerAt = -1;
  /** Where the latest header ends, and so its page starts. */
  #pageAt = -1;
  /** Where the latest frame ends: a header that is written there is appended. */
  #end = -1;

  /** All writes come from `heap`. @throws StorageFault */
  constructor(file: StorageFile, heap: Heap) {
    this.#file = file;
    this.#heap = heap;
    this.#frame = heap.alloc(FRAME_HEADER_BYTES + MOST_PAGE_BYTES);
    if (this.#frame === 0) {
      file.close();
      throw new StorageFault("io", "there is no memory left for the log");
    }
    this.readonly = file.readonly;
    this.identity = file.identity;
  }

  read(heap: Uint8Array, start: number, length: number, offset: number): number {
    this.#flush();
    return this.#file.read(heap, start, length, offset);
  }

  write(heap: Uint8Array, start: number, length: number, offset: number): void {
    if (length === FRAME_HEADER_BYTES) this.#writeHeader(heap, start, offset);
    else if (this.#headerAt >= 0 && offset === this.#pageAt) this.#writeFrame(heap, start, length);
    else {
      this.#flush();
      this.#file.write(heap, start, length, offset);
    }
    if (length > FRAME_HEADER_BYTES) this.#end = offset === this.#pageAt ? offset + length : -1;
  }

  truncate(sizeBytes: number): void {
    this.#flush();
    this.#file.truncate(sizeBytes);
  }

  sync(): void {
    this.#flush();
    this.#file.sync();
  }

  isDeleted(): boolean {
    return this.#file.isDeleted();
  }

  sizeBytes(): number {
    this.#flush();
    return this.#file.sizeBytes();
  }

  close(): void {
    try {
      this.#flush();
    } finally {
      this.#heap.free(this.#frame);
      this.#file.close();
    }
  }

  #writeHeader(heap: Uint8Array, start: number, offset: number): void {
    this.#flush();
    if (offset === this.#end) {
      heap.copyWithin(this.#frame, start, start + FRAME_HEADER_BYTES);
      this.#headerAt = offset;
    } else {
      this.#file.write(heap, start, FRAME_HEADER_BYTES, offset);
    }
    this.#pageAt = offset + FRAME_HEADER_BYTES;
  }

  #writeFrame(heap: Uint8Array, start: number, length: number): void {
    const at = this.#headerAt;
    this.#headerAt = -1;
    heap.copyWithin(this.#frame + FRAME_HEADER_BYTES, start, start + length);
    this.#file.write(heap, this.#frame, FRAME_HEADER_BYTES + length, at);
  }

  #flush(): void {
    if (this.#headerAt < 0) return;
    const at = this.#headerAt;
    this.#headerAt = -1;
    this.#file.write(this.#heap.u8(), this.#frame, FRAME_HEADER_BYTES, at);
  }
}
