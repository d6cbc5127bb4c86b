// A file in memory that is open, for the one thread that has it.

import type { ChunkedFile } from "./chunked-file.ts";
import type { StorageFile } from "./storage.ts";

export interface OpenChunkedFileOptions {
  readonly readonly: boolean;
  /** @throws StorageFault while no file may be used */
  readonly check?: () => void;
  readonly onChange?: () => void;
  readonly onClose?: () => void;
}

/** See the head of this file. */
export class OpenChunkedFile implements StorageFile {
  /** Nobody else can take the name of a file that is open. */
  readonly identity = 0;
  readonly readonly: boolean;
  readonly #file: ChunkedFile;
  readonly #options: OpenChunkedFileOptions;

  constructor(file: ChunkedFile, options: OpenChunkedFileOptions) {
    this.#file = file;
    this.#options = options;
    this.readonly = options.readonly;
  }

  read(heap: Uint8Array, start: number, length: number, offset: number): number {
    this.#options.check?.();
    return this.#file.read(heap, start, length, offset);
  }

  write(heap: Uint8Array, start: number, length: number, offset: number): void {
    this.#options.check?.();
    this.#options.onChange?.();
    this.#file.write(heap, start, length, offset);
  }

  truncate(sizeBytes: number): void {
    this.#options.check?.();
    this.#options.onChange?.();
    this.#file.truncate(sizeBytes);
  }

  /** There is nothing to sync with; what has to be kept is kept by whoever is told of the change. */
  sync(): void {}

  isDeleted(): boolean {
    return false;
  }

  isInPlace(): boolean {
    return true;
  }

  sizeBytes(): number {
    this.#options.check?.();
    return this.#file.sizeBytes;
  }

  close(): void {
    this.#options.onClose?.();
  }
}
