// The storages of browsers.

import type { ThreadConfig } from "../rpc/protocol.ts";
import { createMemoryDisk, type MemoryDisk, memoryStorage } from "../storage/memory.ts";
import { OpfsStorage, openOpfsStorage } from "../storage/opfs.ts";
import { noSuchStorage, type OpenedStorage } from "./storages.ts";

/** A browser's files exclude others by themselves. */
const guard = () => ({ release() {} });

/** The origin private file system, and memory with such files beside it. @throws StorageFault */
export async function openWebStorage(config: ThreadConfig): Promise<OpenedStorage> {
  const { storage, path, readonly, create, severalThreads, busyTimeout } = config;
  const options = { path, readonly, create, severalThreads, waitMs: busyTimeout };
  if (storage === "opfs") return { storage: await openOpfsStorage(options), guard };
  if (storage !== "memory") throw noSuchStorage(storage);
  const disk = (config.disk as MemoryDisk | undefined) ?? createMemoryDisk(path);
  return { storage: memoryStorage(disk, new OpfsStorage(options)), guard };
}
