// Writes that lie one behind the other in a file, put together into one: a call of the storage costs more
// than the bytes of a page. They are put together in the memory they come from: a copy within one buffer
// is the fastest there is.

import type { Heap } from "../shm/heap.ts";
import type { StorageFile } from "../storage/storage.ts";

/** One stretch of a file, which is not written yet. */
export class WriteRun {
  readonly #heap: Heap;
  readonly #capacity: number;
  #address = 0;
  #from = 0;
  #bytes = 0;

  constructor(heap: Heap, capacity: number) {
    this.#heap = heap;
    this.#capacity = capacity;
  }

  get isEmpty(): boolean {
    return this.#bytes === 0;
  }

  /** Where it starts in the file. */
  get from(): number {
    return this.#from;
  }

  /** Where it ends in the file. */
  get end(): number {
    return this.#from + this.#bytes;
  }

  /** Bytes it has room for. */
  get room(): number {
    return this.#capacity - this.#bytes;
  }

  /** Takes its memory, if it has not done so; false where there is none. */
  reserve(): boolean {
    this.#address ||= this.#heap.alloc(this.#capacity);
    return this.#address !== 0;
  }

  /**
   * Adds `heap[start, start + length)`, which belongs at `offset`. False where that is not where the run
   * ends, or where there is no room.
   */
  add(start: number, length: number, offset: number): boolean {
    if (this.isEmpty) this.#from = offset;
    else if (offset !== this.end) return false;
    if (length > this.room || !this.reserve()) return false;
    this.#heap.u8().copyWithin(this.#address + this.#bytes, start, start + length);
    this.#bytes += length;
    return true;
  }

  /** Writes it, and is empty then, whether that fails or not. @throws StorageFault */
  writeTo(file: StorageFile): void {
    const length = this.#bytes;
    this.#bytes = 0;
    file.write(this.#heap.u8(), this.#address, length, this.#from);
  }

  drop(): void {
    this.#bytes = 0;
  }

  /** Gives its memory back. */
  free(): void {
    this.drop();
    this.#heap.free(this.#address);
    this.#address = 0;
  }
}
