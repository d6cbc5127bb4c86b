// The size of a database file, kept instead of asked for. SQLite asks at the start of every read
// transaction whose log is empty, and the system call would be the dearest part of a point query.
//
// All who write the file share its control block: whoever changes the size raises a word there, after
// the change and before the lock under which it was made is let go, so whoever takes that lock next finds the
// word raised.

import { SIZE_GEN } from "../shm/layout.ts";
import type { StorageFile } from "../storage/storage.ts";

/** What one instance knows of a database file's size. */
export class FileSize {
  readonly #control: Int32Array;
  #bytes = -1;
  #seen = 0;

  constructor(control: Int32Array) {
    this.#control = control;
  }

  of(file: StorageFile): number {
    const gen = Atomics.load(this.#control, SIZE_GEN);
    if (this.#bytes < 0 || gen !== this.#seen) {
      this.#seen = gen;
      this.#bytes = file.sizeBytes();
    }
    return this.#bytes;
  }

  /** The file was written up to `end`. */
  wrote(end: number): void {
    if (this.#bytes < 0 || end > this.#bytes) this.changed();
  }

  /** The file may have any size now. */
  changed(): void {
    this.#bytes = -1;
    Atomics.add(this.#control, SIZE_GEN, 1);
  }
}
