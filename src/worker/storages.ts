// The storage that a thread's configuration asks for. Each is loaded only where it is used.

import type { Guard } from "../engine/vfs.ts";
import { StorageError } from "../errors.ts";
import type { ThreadConfig } from "../rpc/protocol.ts";
import type { MemoryDisk } from "../storage/memory.ts";
import { type Storage, StorageFault } from "../storage/storage.ts";

/** A storage, and what keeps others off its files. */
export interface OpenedStorage {
  readonly storage: Storage;
  readonly guard: Guard;
}

/** @throws StorageError (`unsupported`) */
export async function openStorage(config: ThreadConfig): Promise<OpenedStorage> {
  switch (config.storage) {
    case "file":
      return openFiles();
    case "memory": {
      const { memoryStorage } = await import("../storage/memory.ts");
      const files = await openFiles();
      const storage = memoryStorage(config.disk as MemoryDisk, files.storage);
      return { storage, guard: files.guard };
    }
    default:
      throw new StorageError("unsupported", `storage "${config.storage}" is not to be had here`);
  }
}

async function openFiles(): Promise<OpenedStorage> {
  const { nodeFsStorage } = await import("../storage/node-fs.ts");
  const { acquireLockFile, describeHolder } = await import("../storage/lock-file.ts");
  const guard: Guard = (path) => {
    const lock = acquireLockFile(path);
    if ("release" in lock) return lock;
    throw new StorageFault("locked", `${path} is in use by ${describeHolder(lock.holder)}`);
  };
  return { storage: nodeFsStorage(), guard };
}
