// What every platform's `openBackend` is told, and what they share in acting on it.

import { StorageError } from "../errors.ts";
import type { ThreadConfig } from "../rpc/protocol.ts";
import { asStorageError } from "../storage/storage.ts";
import { type EngineKind, MEMORY_PATH, type StorageKind } from "../types.ts";

/** The settings of a pool that its threads need. */
export type ThreadSettings = Pick<
  ThreadConfig,
  | "readonly"
  | "create"
  | "journalMode"
  | "synchronous"
  | "foreignKeys"
  | "pragmas"
  | "maxConnections"
  | "statementCacheSize"
  | "integers"
  | "busyTimeout"
>;

/** What `openBackend` is told. */
export interface BackendOptions<Queue> extends ThreadSettings {
  readonly storage: StorageKind | "auto";
  readonly engine: EngineKind | "auto";
  readonly threads: number | "auto";
  readonly signal: AbortSignal | undefined;
  readonly makeQueue: () => Queue;
}

/** The settings of `options` that threads need, and nothing that cannot be sent to them. */
export function threadSettings(options: ThreadSettings): ThreadSettings {
  const { readonly, create, journalMode, synchronous } = options;
  const { foreignKeys, pragmas, maxConnections, statementCacheSize } = options;
  const { integers, busyTimeout } = options;
  return {
    readonly,
    create,
    journalMode,
    synchronous,
    foreignKeys,
    pragmas,
    maxConnections,
    statementCacheSize,
    integers,
    busyTimeout,
  };
}

/** The database is to live in memory. @throws TypeError for a path that contradicts the storage */
export function wantsMemory(path: string, storage: StorageKind | "auto"): boolean {
  if (storage === "memory" || (storage === "auto" && path === MEMORY_PATH)) return true;
  if (path !== MEMORY_PATH) return false;
  throw new TypeError(`":memory:" is no file; leave storage "${storage}" out, or give a path`);
}

export function unsupported(what: string): StorageError {
  return new StorageError("unsupported", `${what} is not available in this runtime`);
}

/** Runs `body`; a fault of the storage becomes the error callers know. */
export function translated<T>(body: () => T): T {
  try {
    return body();
  } catch (thrown) {
    throw asStorageError(thrown);
  }
}
