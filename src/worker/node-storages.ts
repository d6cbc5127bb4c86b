// The storages of Node, Deno and Bun.

import type { Guard } from "../engine/open-files.ts";
import type { ThreadConfig } from "../rpc/protocol.ts";
import { acquireLockFile, describeHolder } from "../storage/lock-file.ts";
import { type MemoryDisk, memoryStorage } from "../storage/memory.ts";
import { refuseCompanion } from "../storage/names.ts";
import { nodeFsStorage } from "../storage/node-fs.ts";
import { StorageFault } from "../storage/storage.ts";
import { noSuchStorage, type OpenedStorage } from "./storages.ts";

/** Files, and memory with files beside it. @throws StorageError (`unsupported`) */
export async function openNodeStorage({ storage, disk }: ThreadConfig): Promise<OpenedStorage> {
  const files = nodeFsStorage();
  if (storage !== "file" && storage !== "memory") throw noSuchStorage(storage);
  const found = { storage, sharesFiles: true, attachStored: true, fallbacks: [] };
  if (storage === "file") return { storage: files, guard, found };
  return { storage: memoryStorage(disk as MemoryDisk, files), guard, found };
}

const guard: Guard = (path) => {
  refuseCompanion(path);
  const lock = acquireLockFile(path);
  if ("release" in lock) return lock;
  throw new StorageFault("locked", `${path} is in use by ${describeHolder(lock.holder, path)}`);
};
