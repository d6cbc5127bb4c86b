// A pool's backend in a browser: a page or a worker.

import { StorageError } from "../errors.ts";
import { holdName } from "../rpc/name-guard.ts";
import type { ThreadConfig } from "../rpc/protocol.ts";
import { canShareMemory } from "../shared-memory.ts";
import { MAX_SLOTS } from "../shm/layout.ts";
import { readLogState } from "../shm/log-state.ts";
import { createMemoryDisk } from "../storage/memory.ts";
import { resolveDatabase, SUFFIXES_TO_DELETE } from "../storage/names.ts";
import { checkOpfs, removeEmptyFiles, removeFile } from "../storage/opfs-files.ts";
import { asStorageError } from "../storage/storage.ts";
import type { StorageKind } from "../types.ts";
import {
  type BackendOptions,
  threadSettings,
  translated,
  unsupported,
  wantsMemory,
} from "./backend-options.ts";
import {
  joinDatabase,
  leaveDatabase,
  nextConnectionId,
  type SharedDatabase,
  sharedParts,
  startInSlot,
} from "./databases.ts";
import { FirstPort } from "./first-port.ts";
import { openTabBackend } from "./tabs/backend.ts";
import type { LocalQueue } from "./tabs/write-queue.ts";
import { type WebEngine, webEngine } from "./web-engine.ts";
import { type StartedThread, startWebThread } from "./web-thread.ts";

/** @throws StorageError (`locked` when another tab has the database and does not answer) */
export async function openBackend<Queue extends LocalQueue>(
  path: string,
  options: BackendOptions<Queue>,
) {
  const storage = chooseStorage(path, options);
  if (storage === "memory") return openAlone(`:memory:${nextConnectionId()}`, storage, options);
  const name = translated(() => resolveDatabase(path));
  if (navigator.locks !== undefined) return openInTabs(name, storage, options);
  const { busyTimeout: timeoutMs, signal } = options;
  const hold = await holdName(name, { timeoutMs, signal });
  return openAlone(name, storage, options, hold);
}

/** `"auto"` is left to the thread that opens the files: only there can be seen what works. */
function chooseStorage(
  path: string,
  { storage }: Pick<BackendOptions<unknown>, "storage">,
): "memory" | "opfs" | "indexeddb" | "auto" {
  if (wantsMemory(path, storage)) return "memory";
  if (storage === "file") throw unsupported(`storage "${storage}"`);
  if (storage === "opfs") translated(checkOpfs);
  return storage;
}

async function openInTabs<Queue extends LocalQueue>(
  path: string,
  kind: "opfs" | "indexeddb" | "auto",
  options: BackendOptions<Queue>,
) {
  const engine = await webEngine(options.engine);
  const asked = threadCount(options, engine);
  const several = canShareMemory() && kind !== "indexeddb";
  const files = {
    kind,
    path,
    async tidy(found: StorageKind) {
      if (found === "opfs") await removeEmptyFiles([`${path}-wal`, `${path}-journal`]);
    },
    delete: (found: StorageKind) => deleteFiles(path, found),
  };
  return openTabBackend(files, { count: several ? asked : Math.min(asked, 1), engine }, options);
}

async function deleteFiles(path: string, storage: StorageKind): Promise<void> {
  if (storage === "opfs") {
    for (const suffix of SUFFIXES_TO_DELETE) await removeFile(path + suffix);
  }
  if (storage !== "indexeddb") return;
  const { deleteKeptFiles } = await import("../storage/indexeddb-files.ts");
  await deleteKeptFiles(path);
}

/** A database that no other tab uses: in memory, or where tabs cannot lock each other out. */
async function openAlone<Queue>(
  name: string,
  storage: "memory" | "opfs" | "indexeddb" | "auto",
  options: BackendOptions<Queue>,
  hold = { release() {} },
) {
  const database = joinDatabase(name, () => hold, options.makeQueue);
  try {
    options.signal?.throwIfAborted();
    return await newBackend(name, storage, database, options);
  } catch (thrown) {
    leaveDatabase(database);
    throw asStorageError(thrown);
  }
}

async function newBackend<Queue>(
  path: string,
  asked: "memory" | "opfs" | "indexeddb" | "auto",
  database: SharedDatabase<Queue>,
  options: BackendOptions<Queue>,
) {
  const { threads } = options;
  const engine = await webEngine(options.engine);
  const most = threadCount(options, engine);
  const wanted = canShareMemory() ? most : Math.min(most, 1);
  const shares = canShareMemory() || wanted === 0;
  const config: Omit<ThreadConfig, "slot"> = {
    ...threadSettings(options),
    engine: engine.traits.engine,
    storage: asked,
    path,
    shared: shares ? database.memory : undefined,
    disk: asked === "memory" && shares ? createMemoryDisk(path) : undefined,
    severalThreads: shares && wanted > 0,
    module: engine.module,
    engineScript: engine.script,
  };
  const first = await startThread(config, database, threads);
  const { storage, sharesFiles, attachStored, fallbacks } = first.found;
  const diesWithThread = storage === "memory" && !shares;
  const ports = new FirstPort(first.port, async () => {
    if (diesWithThread) throw lostInMemory();
    const where = first.isSeparate ? threads : 0;
    return (await startThread({ ...config, storage }, database, where)).port;
  });
  const workers = sharesFiles ? wanted : 1;
  let disposed = false;
  return {
    ...sharedParts(database),
    ...engine.traits,
    storage,
    threads: first.isSeparate ? workers : 0,
    crossTab: false,
    durable: storage !== "memory",
    attachStored,
    diesWithThread,
    fallbacks,
    role: "owner" as const,
    log: () => (shares ? readLogState(database.memory) : undefined),
    context: undefined,
    openThread: () => ports.next(),
    deleteFiles: () => deleteFiles(path, storage),
    async dispose() {
      if (disposed) return;
      disposed = true;
      await ports.closeUnused();
      leaveDatabase(database);
    },
  };
}

function lostInMemory(): StorageError {
  return new StorageError(
    "io",
    "the database in memory was lost with the worker that kept it; open a new pool",
  );
}

function threadCount(
  { threads }: Pick<BackendOptions<unknown>, "threads">,
  { traits: { mostConnections } }: WebEngine,
): number {
  // However few connections there are now, a pool may be resized.
  const most = Math.min(mostConnections, MAX_SLOTS);
  return Math.min(most, threads === "auto" ? Math.max(1, navigator.hardwareConcurrency) : threads);
}

async function startThread(
  config: Omit<ThreadConfig, "slot">,
  { memory }: SharedDatabase<unknown>,
  threads: number | "auto",
): Promise<StartedThread> {
  return startInSlot(memory, (slot) => startWebThread({ ...config, slot }, threads));
}
