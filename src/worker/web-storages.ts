// The storages of browsers.

import { tryTakeDatabase } from "../rpc/name-guard.ts";
import type { ThreadConfig } from "../rpc/protocol.ts";
import { createMemoryDisk, type MemoryDisk, memoryStorage } from "../storage/memory.ts";
import { type OpfsOptions, OpfsStorage, openOpfsStorage } from "../storage/opfs.ts";
import { canOpenFiles } from "../storage/opfs-files.ts";
import type { Storage } from "../storage/storage.ts";
import type { Fallback } from "../types.ts";
import { noSuchStorage, type OpenedStorage } from "./storages.ts";
import { chooseWebStorage } from "./web-choice.ts";

/** The files of a browser exclude others by themselves, or by the locks they were opened with. */
const guard = () => ({ release() {} });

/** The storage that the configuration names, or the best there is. @throws StorageFault */
export async function openWebStorage(config: ThreadConfig): Promise<OpenedStorage> {
  const { storage, path } = config;
  switch (storage) {
    case "auto": {
      const { chosen, fallbacks } = await chooseWebStorage(path);
      return chosen === "opfs" ? openOpfs(config) : openIndexedDb(config, fallbacks);
    }
    case "opfs":
      return openOpfs(config);
    case "indexeddb":
      return openIndexedDb(config, []);
    case "memory":
      return openMemory(config);
    case "file":
      throw noSuchStorage(storage);
    default:
      return storage satisfies never;
  }
}

async function openOpfs(config: ThreadConfig): Promise<OpenedStorage> {
  const storage = await openOpfsStorage(opfsOptions(config));
  const found = {
    storage: "opfs",
    sharesFiles: storage.isShared,
    attachStored: true,
    fallbacks: [],
  } as const;
  return { storage, guard, found };
}

async function openIndexedDb(
  config: ThreadConfig,
  fallbacks: readonly Fallback[],
): Promise<OpenedStorage> {
  const found = {
    storage: "indexeddb",
    sharesFiles: false,
    attachStored: true,
    fallbacks,
  } as const;
  return { storage: await indexedDb(config), guard, found };
}

async function openMemory(config: ThreadConfig): Promise<OpenedStorage> {
  const disk = (config.disk as MemoryDisk | undefined) ?? createMemoryDisk(config.path);
  const storage = memoryStorage(disk, new OpfsStorage(opfsOptions(config)));
  const found = {
    storage: "memory",
    sharesFiles: true,
    attachStored: canOpenFiles(),
    fallbacks: [],
  } as const;
  return { storage, guard, found };
}

function opfsOptions({
  path,
  readonly,
  create,
  severalThreads,
  busyTimeout,
}: ThreadConfig): OpfsOptions {
  return { path, readonly, create, severalThreads, waitMs: busyTimeout };
}

async function indexedDb({ path, readonly }: ThreadConfig): Promise<Storage> {
  const { openIndexedDbStorage } = await import("../storage/indexeddb.ts");
  return openIndexedDbStorage({ path, readonly, lock: tryTakeDatabase });
}
