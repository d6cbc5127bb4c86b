// A pool's backend on a database that all tabs and workers of an origin may have open.

import { StorageError } from "../../errors.ts";
import type { Port } from "../../rpc/port.ts";
import type { ThreadConfig } from "../../rpc/protocol.ts";
import { asStorageError } from "../../storage/storage.ts";
import { temporaryName } from "../../storage/temporary-names.ts";
import type { Tables } from "../../types.ts";
import { type BackendOptions, threadSettings } from "../backend-options.ts";
import { lockReleased, nextConnectionId, readLogState } from "../databases.ts";
import type { WebEngine } from "../web-engine.ts";
import { startWebThread } from "../web-thread.ts";
import { type OpenThread, type OwnerChange, tabDatabase } from "./database.ts";
import type { LocalQueue } from "./write-queue.ts";

/** The files of a database, to the one who owns them. */
export interface TabFiles {
  /** Where they are to be; `"auto"`: the first thread finds out. */
  readonly kind: WebStorageKind | "auto";
  /** The database's name, the same for every tab. */
  readonly path: string;
  /** Removes what is empty and in nobody's use. */
  tidy(kind: WebStorageKind): Promise<void>;
  delete(kind: WebStorageKind): Promise<void>;
}

/** What threads of the database are started with. */
export interface TabThreads {
  /** Most worker threads; 0: SQLite runs in the calling thread. */
  readonly count: number;
  readonly engine: WebEngine;
}

type WebStorageKind = "opfs" | "indexeddb";

/** @throws StorageError (`locked` when another tab has the database and does not answer) */
export async function openTabBackend<Queue extends LocalQueue>(
  files: TabFiles,
  { count, engine }: TabThreads,
  options: BackendOptions<Queue>,
) {
  const { kind, path } = files;
  const { busyTimeout, signal, threads } = options;
  let isSeparate = count > 0;
  const settings = threadSettings(options);
  const database = tabDatabase(path, options.makeQueue, (found) =>
    files.tidy(found.storage as WebStorageKind),
  );
  const sharesMemory = typeof SharedArrayBuffer === "function";
  const config: Omit<ThreadConfig, "slot"> = {
    ...settings,
    engine: engine.traits.engine,
    storage: kind,
    path,
    shared: undefined,
    severalThreads: sharesMemory && count > 0,
    isOpenToOthers: true,
    module: engine.module,
    engineScript: engine.script,
  };
  const open = (signal: AbortSignal | undefined): Promise<Port> => {
    const start: OpenThread["start"] = (owner) => async (place) => {
      const { memory, slot, thread: name, interrupts } = place;
      const shared = sharesMemory || count === 0 ? memory : undefined;
      const guests = { database: path, thread: name, owner, interrupts };
      // What the first thread has found: all have to agree.
      const chosen = database.found?.storage ?? kind;
      const thread = await startWebThread(
        { ...config, storage: chosen, shared, slot },
        threads,
        guests,
      );
      isSeparate = thread.isSeparate;
      return thread;
    };
    return database.openPort({ settings, start, timeoutMs: busyTimeout, signal });
  };
  let waiting: Port | undefined = await open(signal).catch((thrown) => {
    throw asStorageError(thrown);
  });
  const { found } = database;
  if (found === undefined) throw new Error("BUG: no thread has said what it has open");
  const storage = found.storage as WebStorageKind;
  if (kind !== "auto" && kind !== storage) {
    await waiting.close();
    throw new StorageError("locked", `${path} is open as a database of storage "${storage}"`);
  }
  return {
    path,
    storage,
    ...engine.traits,
    get threads() {
      return isSeparate ? Math.min(count, database.mostThreads) : 0;
    },
    fallbacks: found.fallbacks,
    crossTab: true,
    durable: true,
    attachStored: found.attachStored,
    get role() {
      return database.role;
    },
    onOwner: (listener: (change: OwnerChange) => void) => database.onOwner(listener),
    owner: () => database.census,
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
    temporaryPath: () => temporaryName(path),
    async deleteFiles() {
      await waiting?.close();
      await database.alone(busyTimeout, () => files.delete(storage));
    },
    async dispose() {
      await waiting?.close();
      await database.left();
    },
  };
}
