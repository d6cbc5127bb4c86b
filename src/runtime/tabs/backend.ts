// A pool's backend on a database that all tabs and workers of an origin may have open.

import { StorageError } from "../../errors.ts";
import type { Port } from "../../rpc/port.ts";
import type { ThreadConfig } from "../../rpc/protocol.ts";
import { canShareMemory } from "../../shared-memory.ts";
import { readLogState } from "../../shm/log-state.ts";
import { asStorageError } from "../../storage/storage.ts";
import { temporaryName } from "../../storage/temporary-names.ts";
import type { OwnerChange, Tables } from "../../types.ts";
import { type BackendOptions, threadSettings } from "../backend-options.ts";
import { lockReleased, nextConnectionId } from "../databases.ts";
import { FirstPort } from "../first-port.ts";
import type { WebEngine } from "../web-engine.ts";
import { type StartedThread, startWebThread } from "../web-thread.ts";
import { type TabDatabase, tabDatabase } from "./database.ts";
import type { ThreadPlace } from "./site.ts";
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
  const { busyTimeout, signal } = options;
  const database = tabDatabase(path, options.makeQueue, (found) =>
    files.tidy(found.storage as WebStorageKind),
  );
  const threads = new Starter(database, threadConfig(files, { count, engine }, options), options);
  const open = (until: AbortSignal | undefined): Promise<Port> =>
    database.openPort({
      settings: threadSettings(options),
      start: (owner) => (place) => threads.start(owner, place),
      timeoutMs: busyTimeout,
      signal: until,
    });
  const first = await open(signal).catch((thrown) => {
    throw asStorageError(thrown);
  });
  const ports = new FirstPort(first, () => open(undefined));
  const { found } = database;
  if (found === undefined) throw new Error("BUG: no thread has said what it has open");
  const storage = found.storage as WebStorageKind;
  if (kind !== "auto" && kind !== storage) {
    await ports.closeUnused();
    throw new StorageError("locked", `${path} is open as a database of storage "${storage}"`);
  }
  return {
    path,
    storage,
    ...engine.traits,
    get threads() {
      return threads.areSeparate ? Math.min(count, database.mostThreads) : 0;
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
    openThread: () => ports.next(),
    writeQueue: database.writeQueue,
    nextConnectionId,
    log: () => {
      const { memory } = database;
      return memory === undefined || !canShareMemory() ? undefined : readLogState(memory);
    },
    lockReleased: (ms: number) => lockReleased(database.memory, ms),
    announceChange: (tables: Tables) => database.announceChange(tables),
    onChange: (listener: (tables: Tables) => void) => database.onChange(listener),
    context: undefined,
    temporaryPath: () => temporaryName(path),
    async deleteFiles() {
      await ports.closeUnused();
      await database.alone(busyTimeout, () => files.delete(storage));
    },
    async dispose() {
      await ports.closeUnused();
      await database.left();
    },
  };
}

function threadConfig(
  { kind, path }: TabFiles,
  { count, engine }: TabThreads,
  options: BackendOptions<unknown>,
): Omit<ThreadConfig, "slot"> {
  return {
    ...threadSettings(options),
    engine: engine.traits.engine,
    storage: kind,
    path,
    shared: undefined,
    severalThreads: canShareMemory() && count > 0,
    isOpenToOthers: true,
    module: engine.module,
    engineScript: engine.script,
  };
}

/** Starts the threads of a database, whichever member of this thread owns it. */
class Starter {
  readonly #database: TabDatabase<LocalQueue>;
  readonly #config: Omit<ThreadConfig, "slot">;
  readonly #threads: number | "auto";
  /** The latest thread is a worker, as the first one will be unless it turns out that there are none. */
  areSeparate: boolean;

  constructor(
    database: TabDatabase<LocalQueue>,
    config: Omit<ThreadConfig, "slot">,
    { threads }: Pick<BackendOptions<unknown>, "threads">,
  ) {
    this.#database = database;
    this.#config = config;
    this.#threads = threads;
    this.areSeparate = threads !== 0;
  }

  async start(owner: string, place: ThreadPlace): Promise<StartedThread> {
    const { memory, slot, thread: name, interrupts } = place;
    const config = this.#config;
    const guests = { database: config.path, thread: name, owner, interrupts };
    // What the first thread has found: all have to agree.
    const storage = this.#database.found?.storage ?? config.storage;
    const shared = canShareMemory() || this.#threads === 0 ? memory : undefined;
    const started = await startWebThread(
      { ...config, storage, shared, slot },
      this.#threads,
      guests,
    );
    this.areSeparate = started.isSeparate;
    return started;
  }
}
