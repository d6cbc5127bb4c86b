// What the pool needs of the place it runs in. `open.ts` puts it together from `runtime/`; the pool
// itself knows no platform and no SQLite.

import type { PortFactory } from "../rpc/port.ts";
import type { EngineKind, Fallback, OwnerChange, StorageKind, Tables } from "../types.ts";
import type { ResolvedOptions } from "./options.ts";
import type { LogState, OwnerStats } from "./stats.ts";
import type { WritePermits, WriteQueue } from "./write-queue.ts";

/** What a pool really has, here and now: another owner among the tabs, or `resize`, may change it. */
export interface Capabilities {
  /** Statements of different connections run at the same time, on several threads. */
  readonly parallelReads: boolean;
  /** Several connections can be lent at once; else the pool lends its one connection in turn. */
  readonly severalConnections: boolean;
  /** Other tabs of the origin may use the database at the same time. */
  readonly crossTab: boolean;
  /** The database is stored: what was committed is there when it is opened again. False in memory. */
  readonly durable: boolean;
  /** Readers and the writer do not block each other. */
  readonly wal: boolean;
  /** A running statement can be stopped. */
  readonly interrupt: boolean;
  /** Stored databases can be attached, and this one backed up to one. */
  readonly attachStored: boolean;
  /** SQLite has its full-text search, https://sqlite.org/fts5.html */
  readonly fts5: boolean;
  /** SQLite has its table of pages, https://sqlite.org/dbpage.html */
  readonly dbpage: boolean;
  /** A nested acquire that could never be served is found at once, because async calls can be followed. */
  readonly asyncContext: boolean;
  /** `"owner"`: SQLite runs here; `"client"`: another tab runs it for this one. */
  readonly role: "owner" | "client";
  /** What would have been preferred, and why it is not available here. */
  readonly fallbacks: readonly Fallback[];
}

/** Carries a value along a chain of async calls, where the runtime can. */
export interface AsyncContext {
  get(): unknown;
  run<T>(value: unknown, body: () => T): T;
}

/** A platform. */
export interface Runtime {
  /** Opens the database at `path`. @throws StorageError, TypeError */
  openBackend(path: string, options: OpenOptions): Promise<Backend>;
}

/** What a platform is told of the pool that is to be opened. */
export type OpenOptions = ResolvedOptions & { readonly makeQueue: () => WriteQueue };

/** One open database, as the pool sees it. */
export interface Backend {
  /** Absolute path, or the name of the memory database. */
  readonly path: string;
  readonly storage: StorageKind;
  readonly engine: EngineKind;
  /** Most connections the engine can have open; a pool with a larger `maxConnections` lends fewer. */
  readonly mostConnections: number;
  readonly fts5: boolean;
  readonly dbpage: boolean;
  /** Most worker threads to start; 0: SQLite runs in the calling thread. */
  readonly threads: number;
  readonly crossTab: boolean;
  readonly durable: boolean;
  readonly attachStored: boolean;
  /** The data is in the memory of the one thread, and gone with it: it is kept until the pool closes. */
  readonly diesWithThread?: boolean;
  readonly role: "owner" | "client";
  /** What was tried first when the database was opened, and why it was not available. */
  readonly fallbacks?: readonly Fallback[];
  /** Calls `listener` when another tab becomes the owner, where that can be; returns what ends that. */
  onOwner?(listener: (change: OwnerChange) => void): () => void;
  /** What all tabs together have open, where there can be several. */
  owner?(): OwnerStats;
  /** Starts a thread that owns an instance of SQLite. With `threads` 0, the one inline port. */
  readonly openThread: PortFactory;
  /** The queue for the write lock, shared by all pools of this thread on the database. */
  readonly writeQueue: WritePermits;
  /** A connection's number, unique in the process. */
  nextConnectionId(): number;
  /** Resolves when a lock of the database was let go somewhere, at the latest after `ms`. */
  lockReleased(ms: number): Promise<void>;
  /** Tells every pool on the database, this one too, that a commit changed these tables. */
  announceChange(tables: Tables): void;
  /** Calls `listener` after each such commit, whoever made it, until the function returned is called. */
  onChange(listener: (tables: Tables) => void): () => void;
  /** The log's length, where this thread shares the memory that tells it. */
  log(): LogState | undefined;
  /** Where the runtime can follow async calls. */
  readonly context: AsyncContext | undefined;
  /** A path next to the database for a file that is deleted again. */
  temporaryPath(): string;
  /** Asked before the pool closes to delete the database. @throws StorageError when others have it open */
  checkDeletable?(): void;
  /**
   * Deletes the database with its `-wal` and `-journal`. Every connection of the pool is closed.
   * @throws StorageError; `locked`, and nothing is deleted, while others have it open
   */
  deleteFiles(): Promise<void>;
  /** Ends this pool's use of the database; after it, others may own the file. Idempotent. */
  dispose(): Promise<void>;
}
