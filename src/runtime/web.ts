// A pool's backend in a browser: a page or a worker.

import { StorageError } from "../errors.ts";
import type { Port } from "../rpc/port.ts";
import type { ThreadConfig } from "../rpc/protocol.ts";
import { MAX_SLOTS } from "../shm/layout.ts";
import { createMemoryDisk } from "../storage/memory.ts";
import { removeEmptyFiles, removeFile, resolveName } from "../storage/opfs-files.ts";
import type { StorageKind, Tables } from "../types.ts";
import {
  asStorageError,
  type BackendOptions,
  threadSettings,
  translated,
  unsupported,
  wantsMemory,
} from "./backend-options.ts";
import {
  announceChange,
  joinDatabase,
  leaveDatabase,
  lockReleased,
  nextConnectionId,
  onChange,
  readLogState,
  reapSlot,
  type SharedDatabase,
  takeSlot,
} from "./databases.ts";
import type { EngineTraits } from "./engines.ts";
import { spawnWebThread } from "./spawn-web.ts";
import { openTabBackend } from "./tabs/backend.ts";
import type { LocalQueue } from "./tabs/write-queue.ts";
import { webEngine } from "./web-engine.ts";

type Kind = "opfs" | "memory";

/** @throws StorageError (`locked` when another tab or worker has the database) */
export async function openBackend<Queue extends LocalQueue>(
  path: string,
  options: BackendOptions<Queue>,
) {
  const storage = await chooseStorage(path, options.storage);
  if (storage === "opfs") return openOpfsBackend(path, options);
  const name = `:memory:${nextConnectionId()}`;
  const database = joinDatabase(name, () => ({ release() {} }), options.makeQueue);
  try {
    options.signal?.throwIfAborted();
    return await newBackendSomewhere(name, database, options);
  } catch (thrown) {
    leaveDatabase(database);
    throw asStorageError(thrown);
  }
}

async function chooseStorage(path: string, storage: StorageKind | "auto"): Promise<Kind> {
  if (wantsMemory(path, storage)) return "memory";
  if (storage !== "auto" && storage !== "opfs") throw unsupported(`storage "${storage}"`);
  if (navigator.storage?.getDirectory === undefined || navigator.locks === undefined) {
    const why = isSecureContext ? "" : ": the page is not in a secure context (https, localhost)";
    throw unsupported(`the origin private file system${why}`);
  }
  return "opfs";
}

async function openOpfsBackend<Queue extends LocalQueue>(
  name: string,
  options: BackendOptions<Queue>,
) {
  const path = translated(() => resolveName(name));
  const engine = await webEngine(options.engine);
  const asked = threadCount(options, engine);
  const count = typeof SharedArrayBuffer === "function" ? asked : Math.min(asked, 1);
  // The log and the journal go before their database: without it they mean nothing.
  const files = [`${path}-journal`, `${path}-wal`, path];
  const storage = {
    kind: "opfs" as const,
    path,
    tidy: () => removeEmptyFiles(files.slice(0, 2)),
    async delete() {
      for (const file of files) await removeFile(file);
    },
  };
  return openTabBackend(storage, { count, engine }, options);
}

/** `threads: "auto"` is the calling thread where no worker can be started. */
async function newBackendSomewhere<Queue>(
  path: string,
  database: SharedDatabase<Queue>,
  options: BackendOptions<Queue>,
) {
  try {
    return await newBackend(path, database, options);
  } catch (thrown) {
    const isUnsupported = thrown instanceof StorageError && thrown.reason === "unsupported";
    if (options.threads !== "auto" || !isUnsupported) throw thrown;
    return newBackend(path, database, { ...options, threads: 0 });
  }
}

async function newBackend<Queue>(
  path: string,
  database: SharedDatabase<Queue>,
  options: BackendOptions<Queue>,
) {
  const sharesMemory = typeof SharedArrayBuffer === "function";
  const engine = await webEngine(options.engine);
  const asked = threadCount(options, engine);
  const wanted = sharesMemory ? asked : Math.min(asked, 1);
  const separate = wanted > 0;
  const shares = sharesMemory || !separate;
  const config: Omit<ThreadConfig, "slot"> = {
    ...threadSettings(options),
    engine: engine.kind,
    storage: "memory",
    path,
    shared: shares ? database.memory : undefined,
    disk: shares ? createMemoryDisk(path) : undefined,
    severalThreads: shares && separate,
    module: engine.module,
    engineScript: engine.script,
  };
  const first = await startThread(config, database, separate);
  let waiting: Port | undefined = first.port;
  let disposed = false;
  return {
    path,
    storage: "memory" as const,
    engine: engine.kind,
    mostConnections: engine.mostConnections,
    threads: first.sharesFiles ? wanted : Math.min(wanted, 1),
    crossTab: false,
    durable: false,
    role: "owner" as const,
    async openThread(): Promise<Port> {
      const port = waiting;
      waiting = undefined;
      return port ?? (await startThread(config, database, separate)).port;
    },
    writeQueue: database.writeQueue,
    nextConnectionId,
    log: () => (shares ? readLogState(database.memory) : undefined),
    lockReleased: (ms: number) => lockReleased(database.memory, ms),
    announceChange: (tables: Tables) => announceChange(database, tables),
    onChange: (listener: (tables: Tables) => void) => onChange(database, listener),
    context: undefined,
    temporaryPath: () => `${path}-${crypto.randomUUID()}`,
    async deleteFiles() {},
    async dispose() {
      if (disposed) return;
      disposed = true;
      await waiting?.close();
      leaveDatabase(database);
    },
  };
}

function threadCount(
  { threads, maxConnections }: Pick<BackendOptions<unknown>, "threads" | "maxConnections">,
  { mostConnections }: EngineTraits,
): number {
  const most = Math.min(maxConnections, mostConnections, MAX_SLOTS);
  return Math.min(most, threads === "auto" ? Math.max(1, navigator.hardwareConcurrency) : threads);
}

async function startThread(
  config: Omit<ThreadConfig, "slot">,
  { memory }: SharedDatabase<unknown>,
  separate: boolean,
): Promise<{ port: Port; sharesFiles: boolean }> {
  const slot = takeSlot(memory);
  try {
    const thread = separate
      ? await spawnWebThread({ ...config, slot })
      : { port: await startInline({ ...config, slot }), sharesFiles: false };
    void thread.port.closed.then(() => reapSlot(memory, slot));
    return thread;
  } catch (thrown) {
    reapSlot(memory, slot);
    throw thrown;
  }
}

async function startInline(config: ThreadConfig): Promise<Port> {
  const { startInline } = await import("../worker/inline.ts");
  const { openWebStorage } = await import("../worker/web-storages.ts");
  return startInline(config, openWebStorage);
}
