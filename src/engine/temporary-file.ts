// A file without a name, which SQLite opens for what does not fit its caches: large sorts, journals of
// statements. Nobody else sees it, and it is gone when it is closed.

import { StorageFault, type StorageFile } from "../storage/storage.ts";

const FIRST_BYTES = 1 << 16;

/** A file in this thread's memory. */
export class TemporaryFile implements StorageFile {
  readonly readonly = false;
  readonly identity = 0;
  #bytes = new Uint8Array(0);
  #size = 0;

  read(heap: Uint8Array, start: number, length: number, offset: number): number {
    const got = Math.max(0, Math.min(length, this.#size - offset));
    heap.set(this.#bytes.subarray(offset, offset + got), start);
    return got;
  }

  write(heap: Uint8Array, start: number, length: number, offset: number): void {
    const end = offset + length;
    if (end > this.#bytes.length) this.#grow(end);
    this.#bytes.set(heap.subarray(start, start + length), offset);
    if (end > this.#size) this.#size = end;
  }

  truncate(sizeBytes: number): void {
    if (sizeBytes < this.#size) this.#bytes.fill(0, sizeBytes, this.#size);
    else if (sizeBytes > this.#bytes.length) this.#grow(sizeBytes);
    this.#size = sizeBytes;
  }

  sync(): void {}

  isDeleted(): boolean {
    return false;
  }

  isInPlace(): boolean {
    return true;
  }

  sizeBytes(): number {
    return this.#size;
  }

  close(): void {
    this.#bytes = new Uint8Array(0);
    this.#size = 0;
  }

  #grow(sizeBytes: number): void {
    try {
      const grown = new Uint8Array(Math.max(sizeBytes, 2 * this.#bytes.length, FIRST_BYTES));
      grown.set(this.#bytes);
      this.#bytes = grown;
    } catch (cause) {
      throw new StorageFault("quota", "there is no memory left for a temporary file", { cause });
    }
  }
}
