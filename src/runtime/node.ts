// A pool's backend in Node: files, worker threads, async contexts.

import { StorageError, type StorageReason } from "../errors.ts";
import type { Port } from "../rpc/port.ts";
import type { ThreadConfig } from "../rpc/protocol.ts";
import { MAX_SLOTS } from "../shm/layout.ts";
import {
  joinDatabase,
  leaveDatabase,
  lockReleased,
  nextConnectionId,
  reapSlot,
  type SharedDatabase,
  takeSlot,
} from "./databases.ts";
import { spawnNodeThread } from "./spawn.ts";

/** How long to wait between two tries at a file that another process owns, in milliseconds. */
const LOCK_POLL_MS = 20;

/** The settings of a pool that its threads need. */
export type ThreadSettings = Pick<
  ThreadConfig,
  | "readonly"
  | "create"
  | "journalMode"
  | "synchronous"
  | "foreignKeys"
  | "pragmas"
  | "statementCacheSize"
  | "integers"
>;

/** What `openNodeBackend` is told. */
export interface NodeBackendOptions<Queue> extends ThreadSettings {
  readonly storage: "file" | "memory";
  readonly threads: number | "auto";
  readonly maxConnections: number;
  readonly busyTimeout: number;
  readonly signal: AbortSignal | undefined;
  readonly makeQueue: () => Queue;
}

/** @throws StorageError (`locked` when another process has the file) */
export async function openNodeBackend<Queue>(path: string, options: NodeBackendOptions<Queue>) {
  const { storage, readonly, signal } = options;
  const { nodeFsStorage } = await import("../storage/node-fs.ts");
  const files = nodeFsStorage();
  const memory = storage === "memory";
  const resolved = translated(() =>
    memory ? `:memory:${nextConnectionId()}` : files.resolve(path),
  );
  const database = memory
    ? joinDatabase(resolved, () => ({ release() {} }), options.makeQueue)
    : await joinFile(resolved, readonly, options);
  try {
    signal?.throwIfAborted();
    return await newBackend(resolved, database, options);
  } catch (thrown) {
    leaveDatabase(database);
    throw thrown;
  }
}

async function newBackend<Queue>(
  path: string,
  database: SharedDatabase<Queue>,
  options: NodeBackendOptions<Queue>,
) {
  const { storage, maxConnections } = options;
  const threads = await threadCount(options.threads, maxConnections);
  const { AsyncLocalStorage } = await import("node:async_hooks");
  const local = new AsyncLocalStorage<unknown>();
  const { createMemoryDisk } = await import("../storage/memory.ts");
  const disk = storage === "memory" ? createMemoryDisk(path) : undefined;
  const config = await threadConfig(path, database, options, disk);
  let disposed = false;
  return {
    path,
    storage,
    engine: "sqlite-wasm" as const,
    threads,
    crossTab: false,
    durable: storage === "file",
    role: "owner" as const,
    openThread: () => startThread(config, database, threads > 0),
    writeQueue: database.writeQueue,
    nextConnectionId,
    lockReleased: (ms: number) => lockReleased(database.memory, ms),
    context: {
      get: () => local.getStore(),
      run: <T>(value: unknown, body: () => T): T => local.run(value, body),
    },
    temporaryPath: await temporaryPaths(path, storage),
    deleteFiles: () => deleteFiles(path, storage),
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
  { busyTimeout, signal, makeQueue }: NodeBackendOptions<Queue>,
): Promise<SharedDatabase<Queue>> {
  const { acquireLockFile, describeHolder } = await import("../storage/lock-file.ts");
  const started = performance.now();
  for (;;) {
    signal?.throwIfAborted();
    let holder = "";
    const database = translated(() => {
      try {
        return joinDatabase(
          path,
          () => {
            const attempt = acquireLockFile(path, { readonly });
            if ("release" in attempt) return attempt;
            holder = describeHolder(attempt.holder);
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
    if (performance.now() - started >= busyTimeout) {
      throw new StorageError(
        "locked",
        `${path} is in use by ${holder}; close it there: one process at a time can have it open`,
      );
    }
    await new Promise((resolve) => setTimeout(resolve, LOCK_POLL_MS));
  }
}

const TAKEN = Symbol("taken");

async function threadCount(threads: number | "auto", maxConnections: number): Promise<number> {
  if (threads !== "auto") return Math.min(threads, maxConnections, MAX_SLOTS);
  const { availableParallelism } = await import("node:os");
  return Math.max(1, Math.min(maxConnections, availableParallelism()));
}

async function threadConfig(
  path: string,
  database: SharedDatabase<unknown>,
  options: NodeBackendOptions<unknown>,
  disk: unknown,
): Promise<Omit<ThreadConfig, "slot">> {
  const { storage, readonly, create, journalMode, synchronous } = options;
  const { foreignKeys, pragmas, statementCacheSize, integers } = options;
  return {
    engine: "sqlite-wasm",
    storage,
    path,
    readonly,
    create,
    journalMode,
    synchronous,
    foreignKeys,
    pragmas,
    statementCacheSize,
    integers,
    shared: database.memory,
    disk,
    module: await compiledEngine(),
  };
}

let engine: Promise<WebAssembly.Module> | undefined;

/** The engine, compiled once in this thread and sent to all others. */
function compiledEngine(): Promise<WebAssembly.Module> {
  engine ??= compileEngine();
  return engine;
}

async function compileEngine(): Promise<WebAssembly.Module> {
  const { readFile } = await import("node:fs/promises");
  const { createRequire } = await import("node:module");
  const require = createRequire(import.meta.url);
  const bytes = await readFile(require.resolve("@sqlite.org/sqlite-wasm/sqlite3.wasm"));
  return WebAssembly.compile(bytes);
}

async function startThread(
  config: Omit<ThreadConfig, "slot">,
  { memory }: SharedDatabase<unknown>,
  separate: boolean,
): Promise<Port> {
  const slot = takeSlot(memory);
  try {
    const port = separate
      ? await spawnNodeThread({ ...config, slot })
      : await (await import("../worker/inline.ts")).startInline({ ...config, slot });
    void port.closed.then(() => reapSlot(memory, slot));
    return port;
  } catch (thrown) {
    reapSlot(memory, slot);
    throw thrown;
  }
}

async function temporaryPaths(path: string, storage: "file" | "memory"): Promise<() => string> {
  if (storage === "file") return () => `${path}-${crypto.randomUUID()}`;
  const { tmpdir } = await import("node:os");
  const { join } = await import("node:path");
  return () => join(tmpdir(), `sqlite-wasm-pool-${crypto.randomUUID()}`);
}

async function deleteFiles(path: string, storage: "file" | "memory"): Promise<void> {
  if (storage === "memory") return;
  const { nodeFsStorage } = await import("../storage/node-fs.ts");
  const files = nodeFsStorage();
  for (const name of [`${path}-journal`, `${path}-wal`, path]) {
    translated(() => {
      if (files.exists(name)) files.delete(name, true);
    });
  }
}

/** A fault of the storage as the error callers know. */
function translated<T>(body: () => T): T {
  try {
    return body();
  } catch (thrown) {
    const { reason, message } = thrown as { reason?: StorageReason; message: string };
    if (reason === undefined || thrown instanceof StorageError) throw thrown;
    throw new StorageError(reason, message, { cause: thrown });
  }
}
