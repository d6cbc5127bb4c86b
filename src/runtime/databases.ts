// The databases that this thread has open: what all its pools on one of them share.
//
// A database is owned by one thread of one process (`storage/lock-file.ts`). Pools of that thread
// share its lock table, its wal-index and its write queue; every other thread and process is
// refused. The registry hangs on the global object, so that two copies of this package in one
// program meet there too.

import { sleep } from "../clock.ts";
import { StorageError } from "../errors.ts";
import type { Port } from "../rpc/port.ts";
import { canShareMemory } from "../shared-memory.ts";
import {
  createSharedMemory,
  MAX_SLOTS,
  RELEASES,
  type SharedMemory,
  WAITERS,
} from "../shm/layout.ts";
import { claimSlot, reapSlot } from "../shm/lock-table.ts";
import { temporaryName } from "../storage/temporary-names.ts";
import type { Tables } from "../types.ts";

/** What the pools of one database share. */
export interface SharedDatabase<Queue> {
  readonly path: string;
  readonly memory: SharedMemory;
  readonly writeQueue: Queue;
  /** Who is told of each commit. */
  readonly listeners: Set<(tables: Tables) => void>;
  users: number;
  /** Gives the file back to other processes. */
  release(): void;
}

interface Registry {
  readonly databases: Map<string, SharedDatabase<unknown>>;
  nextConnection: number;
}

// The number is raised when what is shared changes its form: copies of different forms stay apart,
// and the lock file keeps them off each other's databases.
const KEY = Symbol.for("sqlite-wasm-pool.registry.2");

function registry(): Registry {
  const holder = globalThis as { [KEY]?: Registry };
  holder[KEY] ??= { databases: new Map(), nextConnection: 1 };
  return holder[KEY];
}

/** A connection's number, unique in this thread. */
export function nextConnectionId(): number {
  return registry().nextConnection++;
}

/** Joins the users of a database, or makes it with the lock and the queue that are passed in. */
export function joinDatabase<Queue>(
  path: string,
  lock: () => { release(): void },
  makeQueue: () => Queue,
): SharedDatabase<Queue> {
  const { databases } = registry();
  let database = databases.get(path) as SharedDatabase<Queue> | undefined;
  if (database === undefined) {
    const { release } = lock();
    database = {
      path,
      memory: createSharedMemory(),
      writeQueue: makeQueue(),
      listeners: new Set(),
      users: 0,
      release,
    };
    databases.set(path, database);
  }
  database.users++;
  return database;
}

/** Ends one use; the last one gives the file back. */
export function leaveDatabase(database: SharedDatabase<unknown>): void {
  if (--database.users > 0) return;
  registry().databases.delete(database.path);
  database.release();
}

/** @throws StorageError (`locked`) while another pool of this thread uses the database */
export function checkSoleUser({ path, users }: SharedDatabase<unknown>): void {
  if (users === 1) return;
  throw new StorageError(
    "locked",
    `${path} is in use by another pool in this thread; close every other pool on it first`,
  );
}

/** What a pool's backend has of the database that it shares with other pools of this thread. */
export function sharedParts<Queue>(database: SharedDatabase<Queue>) {
  const { path, memory, writeQueue, listeners } = database;
  return {
    path,
    writeQueue,
    nextConnectionId,
    temporaryPath: () => temporaryName(path),
    lockReleased: (ms: number) => lockReleased(memory, ms),
    announceChange: (tables: Tables) => {
      for (const listener of [...listeners]) listener(tables);
    },
    onChange: (listener: (tables: Tables) => void) => {
      listeners.add(listener);
      return () => void listeners.delete(listener);
    },
    checkDeletable: () => checkSoleUser(database),
  };
}

/** Starts a thread with a place in the lock table, which is free again when the thread has ended. */
export async function startInSlot<Thread extends { readonly port: Port }>(
  memory: SharedMemory,
  start: (slot: number) => Promise<Thread>,
): Promise<Thread> {
  const slot = takeSlot(memory);
  try {
    const thread = await start(slot);
    void thread.port.closed.then(() => reapSlot(memory, slot));
    return thread;
  } catch (thrown) {
    reapSlot(memory, slot);
    throw thrown;
  }
}

/** A place in the lock table for a new instance. @throws RangeError when there is none left */
export function takeSlot(memory: SharedMemory): number {
  const slot = claimSlot(memory);
  if (slot !== undefined) return slot;
  throw new RangeError(`a database can be open in ${MAX_SLOTS} threads at most; lower \`threads\``);
}

/** Resolves when a lock was let go somewhere, at the latest after `ms`. */
export async function lockReleased(memory: SharedMemory | undefined, ms: number): Promise<void> {
  if (memory === undefined || typeof Atomics.waitAsync !== "function") return sleep(ms);
  if (!isShared(memory.control)) return sleep(ms);
  const control = new Int32Array(memory.control);
  const seen = Atomics.load(control, RELEASES);
  Atomics.add(control, WAITERS, 1);
  try {
    const { value } = Atomics.waitAsync(control, RELEASES, seen, ms);
    // The wait alone would not keep the process alive.
    await Promise.race([value, sleep(ms)]);
  } finally {
    Atomics.sub(control, WAITERS, 1);
  }
}

function isShared(buffer: ArrayBufferLike): boolean {
  return canShareMemory() && buffer instanceof SharedArrayBuffer;
}
