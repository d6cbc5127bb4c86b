// A pool's backend in Node, Deno and Bun: files, worker threads, async contexts.

import { clock, sleep } from "../clock.ts";
import { StorageError } from "../errors.ts";
import type { Port } from "../rpc/port.ts";
import type { ThreadConfig } from "../rpc/protocol.ts";
import { MAX_SLOTS } from "../shm/layout.ts";
import { readLogState } from "../shm/log-state.ts";
import { refuseCompanion } from "../storage/names.ts";
import { asStorageError } from "../storage/storage.ts";
import { refuseTemporary } from "../storage/temporary-names.ts";
import type { StorageKind } from "../types.ts";
import {
  type BackendOptions,
  threadSettings,
  translated,
  unsupported,
  wantsMemory,
} from "./backend-options.ts";
import { compileEngine } from "./compile-engine.ts";
import {
  checkSoleUser,
  joinDatabase,
  leaveDatabase,
  nextConnectionId,
  type SharedDatabase,
  sharedParts,
  startInSlot,
} from "./databases.ts";
import { chooseEngine, traitsOf } from "./engines.ts";
import { spawnNodeThread } from "./spawn.ts";

/** How long to wait between two tries at a file that another process owns, in milliseconds. */
const LOCK_POLL_MS = 20;

/** @throws StorageError (`locked` when another process has the file) */
export async function openBackend<Queue>(path: string, options: BackendOptions<Queue>) {
  const { readonly, signal } = options;
  const storage = chooseStorage(path, options.storage);
  const { nodeFsStorage } = await import("../storage/node-fs.ts");
  const files = nodeFsStorage();
  const memory = storage === "memory";
  const resolved = translated(() => {
    if (memory) return `:memory:${nextConnectionId()}`;
    const name = files.resolve(path);
    refuseTemporary(name);
    refuseCompanion(name);
    return name;
  });
  const database = memory
    ? joinDatabase(resolved, () => ({ release() {} }), options.makeQueue)
    : await joinFile(resolved, readonly, options);
  try {
    signal?.throwIfAborted();
    return await newBackend(resolved, storage, database, options);
  } catch (thrown) {
    leaveDatabase(database);
    throw asStorageError(thrown);
  }
}

function chooseStorage(path: string, storage: StorageKind | "auto"): "file" | "memory" {
  if (wantsMemory(path, storage)) return "memory";
  if (storage !== "auto" && storage !== "file") throw unsupported(`storage "${storage}"`);
  return "file";
}

async function newBackend<Queue>(
  path: string,
  storage: "file" | "memory",
  database: SharedDatabase<Queue>,
  options: BackendOptions<Queue>,
) {
  const traits = traitsOf(await chooseEngine(options.engine));
  const threads = await threadCount(options.threads, traits.mostConnections);
  const { AsyncLocalStorage } = await import("node:async_hooks");
  const local = new AsyncLocalStorage<unknown>();
  const { createMemoryDisk } = await import("../storage/memory.ts");
  const disk = storage === "memory" ? createMemoryDisk(path) : undefined;
  const config: Omit<ThreadConfig, "slot"> = {
    ...threadSettings(options),
    engine: traits.engine,
    storage,
    path,
    shared: database.memory,
    disk,
    severalThreads: threads > 1,
    module: await compileEngine(traits.engine),
  };
  let disposed = false;
  return {
    ...sharedParts(database),
    ...traits,
    storage,
    threads,
    crossTab: false,
    durable: storage === "file",
    attachStored: true,
    role: "owner" as const,
    openThread: () => startThread(config, database, threads > 0),
    log: () => readLogState(database.memory),
    context: {
      get: () => local.getStore(),
      run: <T>(value: unknown, body: () => T): T => local.run(value, body),
    },
    deleteFiles: () => deleteFiles(database, storage),
    async dispose() {
      if (disposed) return;
      disposed = true;
      leaveDatabase(database);
    },
  };
}

/** Waits for the file for as long as for any other lock of the database. */
async function joinFile<Queue>(
  path: string,
  readonly: boolean,
  { busyTimeout, signal, makeQueue }: BackendOptions<Queue>,
): Promise<SharedDatabase<Queue>> {
  const { acquireLockFile, describeHolder } = await import("../storage/lock-file.ts");
  const { sweepTemporaries } = await import("../storage/node-temporaries.ts");
  const started = clock.now();
  for (;;) {
    signal?.throwIfAborted();
    let holder = "";
    const database = translated(() => {
      try {
        return joinDatabase(
          path,
          () => {
            const attempt = acquireLockFile(path, { readonly });
            if ("release" in attempt) {
              if (!readonly) sweepTemporaries(path);
              return attempt;
            }
            holder = describeHolder(attempt.holder, path);
            throw TAKEN;
          },
          makeQueue,
        );
      } catch (thrown) {
        if (thrown === TAKEN) return undefined;
        throw thrown;
      }
    });
    if (database !== undefined) return database;
    if (clock.now() - started >= busyTimeout) {
      throw new StorageError(
        "locked",
        `${path} is in use by ${holder}; close it there: one process at a time can have it open`,
      );
    }
    await sleep(LOCK_POLL_MS);
  }
}

const TAKEN = Symbol("taken");

/** However few connections there are now, a pool may be resized. */
async function threadCount(threads: number | "auto", mostConnections: number): Promise<number> {
  const most = Math.min(mostConnections, MAX_SLOTS);
  if (threads !== "auto") return Math.min(threads, most);
  const { availableParallelism } = await import("node:os");
  return Math.max(1, Math.min(most, availableParallelism()));
}

async function startThread(
  config: Omit<ThreadConfig, "slot">,
  { memory }: SharedDatabase<unknown>,
  separate: boolean,
): Promise<Port> {
  const { port } = await startInSlot(memory, async (slot) =>
    separate
      ? { port: await spawnNodeThread({ ...config, slot }) }
      : await startHere({ ...config, slot }),
  );
  return port;
}

/** SQLite in the calling thread. */
async function startHere(config: ThreadConfig) {
  const { startInline } = await import("../worker/inline.ts");
  const { openNodeStorage } = await import("../worker/node-storages.ts");
  return startInline(config, openNodeStorage);
}

async function deleteFiles(
  database: SharedDatabase<unknown>,
  storage: "file" | "memory",
): Promise<void> {
  if (storage === "memory") return;
  const { deleteFilesOf } = await import("./node-files.ts");
  // From here on nothing is waited for, so that nobody opens the database meanwhile.
  checkSoleUser(database);
  translated(() => deleteFilesOf(database.path));
}
