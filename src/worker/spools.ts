// Files outside SQLite, through the thread's storage: what a connection is to import is written here piece by
// piece, and what an export has copied is read.

import type { FileRequest } from "../rpc/protocol.ts";
import { deleteDatabaseFiles } from "../storage/names.ts";
import type { Storage, StorageFile } from "../storage/storage.ts";

/** What a connection is to import; the file is there until it is deleted. */
interface Spool {
  readonly connection: number;
  /** Undefined once it is complete. */
  file: StorageFile | undefined;
  sizeBytes: number;
}

/** The files of one caller's connections. */
export class Spools {
  readonly #storage: Storage;
  /** By their paths. */
  readonly #spools = new Map<string, Spool>();

  constructor(storage: Storage) {
    this.#storage = storage;
  }

  /** @throws StorageFault */
  perform({ connection, operation, path, bytes, offset, length }: FileRequest): unknown {
    switch (operation) {
      case "create": {
        const file = this.#storage.open(path, { create: true, readonly: false });
        this.#spools.set(path, { connection, file, sizeBytes: 0 });
        return undefined;
      }
      case "append":
        return this.#append(path, bytes);
      case "read":
        return this.#read(path, offset ?? 0, length ?? 0);
      case "delete":
        return this.#delete(path);
      default:
        return operation satisfies never;
    }
  }

  /** Nothing more is appended to the file: SQLite may open it. */
  complete(path: string): void {
    closeFile(this.#spools.get(path));
  }

  /** What a connection was to import goes with its borrower, who may be past deleting it. */
  deleteOf(connection: number): void {
    for (const [path, spool] of [...this.#spools]) {
      if (spool.connection === connection) this.#delete(path);
    }
  }

  /** Closes all files, and leaves them where they are. */
  close(): void {
    for (const spool of this.#spools.values()) closeFile(spool);
    this.#spools.clear();
  }

  #append(path: string, bytes: Uint8Array | undefined): void {
    const spool = this.#spools.get(path);
    if (spool?.file === undefined || bytes === undefined) {
      throw new Error(`BUG: ${path} is not open`);
    }
    spool.file.write(bytes, 0, bytes.length, spool.sizeBytes);
    spool.sizeBytes += bytes.length;
  }

  #read(path: string, offset: number, length: number): Uint8Array {
    const file = this.#storage.open(path, { create: false, readonly: true });
    try {
      const bytes = new Uint8Array(length);
      return bytes.subarray(0, file.read(bytes, 0, length, offset));
    } finally {
      file.close();
    }
  }

  #delete(path: string): void {
    closeFile(this.#spools.get(path));
    this.#spools.delete(path);
    // An import that failed on a full disk may not have been able to delete its journal itself.
    deleteDatabaseFiles(this.#storage, path, false);
  }
}

function closeFile(spool: Spool | undefined): void {
  spool?.file?.close();
  if (spool !== undefined) spool.file = undefined;
}
