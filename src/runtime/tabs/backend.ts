// A pool's backend on a database that all tabs and workers of an origin may have open.

import type { Port } from "../../rpc/port.ts";
import type { ThreadConfig } from "../../rpc/protocol.ts";
import type { Tables } from "../../types.ts";
import { asStorageError, type BackendOptions, threadSettings } from "../backend-options.ts";
import { lockReleased, nextConnectionId, readLogState } from "../databases.ts";
import { spawnWebThread } from "../spawn-web.ts";
import type { WebEngine } from "../web-engine.ts";
import { type OpenThread, type Role, tabDatabase } from "./database.ts";
import type { SiteThread } from "./site.ts";
import type { LocalQueue } from "./write-queue.ts";

/** The files of a storage, to the one who owns them. */
export interface TabStorage {
  readonly kind: "opfs";
  /** The database's name, the same for every tab. */
  readonly path: string;
  /** Removes what is empty and in nobody's use. */
  tidy(): Promise<void>;
  delete(): Promise<void>;
}

/** What threads of the database are started with. */
export interface TabThreads {
  /** Most worker threads; 0: SQLite runs in the calling thread. */
  readonly count: number;
  readonly engine: WebEngine;
}

/** @throws StorageError (`locked` when another tab has the database and does not answer) */
export async function openTabBackend<Queue extends LocalQueue>(
  storage: TabStorage,
  { count, engine }: TabThreads,
  options: BackendOptions<Queue>,
) {
  const { kind, path } = storage;
  const { busyTimeout, signal } = options;
  const settings = threadSettings(options);
  const database = tabDatabase(path, options.makeQueue, () => storage.tidy());
  const sharesMemory = typeof SharedArrayBuffer === "function";
  const config: Omit<ThreadConfig, "slot"> = {
    ...settings,
    engine: engine.kind,
    storage: kind,
    path,
    shared: undefined,
    severalThreads: sharesMemory && count > 0,
    isOpenToOthers: true,
    module: engine.module,
    engineScript: engine.script,
  };
  const open = (signal: AbortSignal | undefined): Promise<Port> => {
    const start: OpenThread["start"] = (memory, slot) =>
      startThread(
        { ...config, shared: sharesMemory || count === 0 ? memory : undefined, slot },
        count > 0,
      );
    return database.openPort({ settings, start, timeoutMs: busyTimeout, signal });
  };
  let waiting: Port | undefined = await open(signal).catch((thrown) => {
    throw asStorageError(thrown);
  });
  return {
    path,
    storage: kind,
    engine: engine.kind,
    mostConnections: engine.mostConnections,
    get threads() {
      return Math.min(count, database.mostThreads);
    },
    crossTab: true,
    durable: true,
    get role() {
      return database.role;
    },
    onRole: (listener: (role: Role) => void) => database.onRole(listener),
    async openThread(): Promise<Port> {
      const port = waiting;
      waiting = undefined;
      return port ?? open(undefined);
    },
    writeQueue: database.writeQueue,
    nextConnectionId,
    log: () => {
      const { memory } = database;
      return memory === undefined || !sharesMemory ? undefined : readLogState(memory);
    },
    lockReleased: (ms: number) => lockReleased(database.memory, ms),
    announceChange: (tables: Tables) => database.announceChange(tables),
    onChange: (listener: (tables: Tables) => void) => database.onChange(listener),
    context: undefined,
    temporaryPath: () => `${path}-${crypto.randomUUID()}`,
    async deleteFiles() {
      await waiting?.close();
      await database.alone(busyTimeout, () => storage.delete());
    },
    async dispose() {
      await waiting?.close();
      await database.left();
    },
  };
}

async function startThread(config: ThreadConfig, separate: boolean): Promise<SiteThread> {
  const thread = crypto.randomUUID();
  const guests = { database: config.path, thread };
  if (separate) return spawnWebThread(config, guests);
  const { startInline } = await import("../../worker/inline.ts");
  const { openWebStorage } = await import("../../worker/web-storages.ts");
  return { port: await startInline(config, openWebStorage, guests), sharesFiles: false };
}
