// A pool's backend in a browser: a page or a worker.

import { StorageError } from "../errors.ts";
import type { Port } from "../rpc/port.ts";
import type { ThreadConfig } from "../rpc/protocol.ts";
import { MAX_SLOTS } from "../shm/layout.ts";
import { createMemoryDisk } from "../storage/memory.ts";
import { removeEmptyFiles, removeFile, resolveName } from "../storage/opfs-files.ts";
import type { Tables } from "../types.ts";
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
  findDatabase,
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
import { spawnWebThread } from "./spawn-web.ts";
import { webEngine } from "./web-engine.ts";
import { databaseLock, tryWebLock } from "./web-lock.ts";

/** How long to wait between two tries at a database that somebody else owns, in milliseconds. */
const LOCK_POLL_MS = 20;

type Kind = "opfs" | "memory";

/** @throws StorageError (`locked` when another tab or worker has the database) */
export async function openBackend<Queue>(path: string, options: BackendOptions<Queue>) {
  const storage = await chooseStorage(path, options);
  const name =
    storage === "memory" ? `:memory:${nextConnectionId()}` : translated(() => resolveName(path));
  const database =
    storage === "memory"
      ? joinDatabase(name, () => ({ release() {} }), options.makeQueue)
      : await joinName(name, options);
  try {
    options.signal?.throwIfAborted();
    return await newBackend(name, storage, database, options);
  } catch (thrown) {
    leaveDatabase(database);
    throw asStorageError(thrown);
  }
}

async function chooseStorage(
  path: string,
  { storage, engine }: Pick<BackendOptions<unknown>, "storage" | "engine">,
): Promise<Kind> {
  if (engine === "sql.js") throw unsupported('engine "sql.js"');
  if (wantsMemory(path, storage)) return "memory";
  if (storage !== "auto" && storage !== "opfs") throw unsupported(`storage "${storage}"`);
  if (navigator.storage?.getDirectory === undefined || navigator.locks === undefined) {
    const why = isSecureContext ? "" : ": the page is not in a secure context (https, localhost)";
    throw unsupported(`the origin private file system${why}`);
  }
  return "opfs";
}

async function newBackend<Queue>(
  path: string,
  storage: Kind,
  database: SharedDatabase<Queue>,
  options: BackendOptions<Queue>,
) {
  const sharesMemory = typeof SharedArrayBuffer === "function";
  const asked = threadCount(options);
  const wanted = sharesMemory ? asked : Math.min(asked, 1);
  const separate = wanted > 0;
  const shares = sharesMemory || !separate;
  const engine = await webEngine();
  const config: Omit<ThreadConfig, "slot"> = {
    ...threadSettings(options),
    engine: "sqlite-wasm",
    storage,
    path,
    shared: shares ? database.memory : undefined,
    disk: storage === "memory" && shares ? createMemoryDisk(path) : undefined,
    // Further pools of this page may open the database too, each with threads of its own.
    severalThreads: shares && separate,
    module: engine.module,
  };
  const first = await startThread(config, database, separate);
  let waiting: Port | undefined = first.port;
  let disposed = false;
  return {
    path,
    storage,
    engine: "sqlite-wasm" as const,
    threads: first.sharesFiles ? wanted : Math.min(wanted, 1),
    crossTab: false,
    durable: storage === "opfs",
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
    async deleteFiles() {
      if (storage === "memory") return;
      for (const name of filesOf(path)) await removeFile(name);
    },
    async dispose() {
      if (disposed) return;
      disposed = true;
      await waiting?.close();
      // The last one to go: nobody has the files open, and nobody can before the lock is let go.
      if (storage === "opfs" && database.users === 1)
        await removeEmptyFiles(filesOf(path).slice(0, 2));
      leaveDatabase(database);
    },
  };
}

/** The log and the journal go before their database: without it they mean nothing. */
function filesOf(path: string): string[] {
  return [`${path}-journal`, `${path}-wal`, path];
}

function threadCount({
  threads,
  maxConnections,
}: Pick<BackendOptions<unknown>, "threads" | "maxConnections">): number {
  const most = Math.min(maxConnections, MAX_SLOTS);
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

/** Waits for the database for as long as for any other lock of it. */
async function joinName<Queue>(
  name: string,
  { busyTimeout, signal, makeQueue }: BackendOptions<Queue>,
): Promise<SharedDatabase<Queue>> {
  const started = performance.now();
  for (;;) {
    signal?.throwIfAborted();
    const known = findDatabase(name);
    const lock = known === undefined ? await tryWebLock(databaseLock(name)) : undefined;
    if (known !== undefined || lock !== undefined) {
      return joinDatabase(name, () => lock ?? { release() {} }, makeQueue);
    }
    if (performance.now() - started >= busyTimeout) {
      throw new StorageError(
        "locked",
        `${name} is in use by another tab or worker of this origin; close it there`,
      );
    }
    await new Promise((resolve) => setTimeout(resolve, LOCK_POLL_MS));
  }
}
