// The pages that a checkpoint copies into the database file, put together where they follow each other.
//
// SQLite learns of a failed write only from a call of its own, and after the last page of a checkpoint
// there may be none: where the log was not copied to its end, it neither truncates nor syncs the file
// (wal.c, `walCheckpoint`). The count of the frames that need not be looked for in the log any more
// (nBackfill) is published when the checkpointer lets its locks go, and not before (`shm/wal-index.ts`). So
// the VFS ends the run there first, and where that fails, has the count set back.

import type { Heap } from "../shm/heap.ts";
import type { StorageFile } from "../storage/storage.ts";
import type { FileSize } from "./file-size.ts";
import { WriteRun } from "./write-run.ts";

const RUN_BYTES = 65_536;

/** The run of the one checkpoint that may be under way on a database in this instance. */
export class CheckpointRun {
  readonly #run: WriteRun;
  readonly #size: FileSize;
  #file: StorageFile | undefined;

  constructor(heap: Heap, size: FileSize) {
    this.#run = new WriteRun(heap, RUN_BYTES);
    this.#size = size;
  }

  /** @throws StorageFault, for this write or one before it */
  write(file: StorageFile, heap: Uint8Array, start: number, length: number, offset: number): void {
    this.#file = file;
    if (this.#run.add(start, length, offset)) return;
    this.end();
    if (this.#run.add(start, length, offset)) return;
    this.#write(offset + length, () => file.write(heap, start, length, offset));
  }

  /** Writes what is left of it. @throws StorageFault */
  end(): void {
    const file = this.#file;
    if (this.#run.isEmpty || file === undefined) return;
    this.#write(this.#run.end, () => this.#run.writeTo(file));
  }

  #write(end: number, write: () => void): void {
    try {
      write();
      this.#size.wrote(end);
    } catch (thrown) {
      this.#size.changed();
      throw thrown;
    }
  }

  free(): void {
    this.#run.free();
  }
}
