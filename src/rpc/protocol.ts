// What crosses from the caller's thread to the thread that owns SQLite, and back.
//
// One request, one reply. Requests of one connection are answered in the order they were sent.
// Of requests, the hot kind, `run`, has a binary form for the shared-memory ring (`frames.ts`); every other
// kind, and a `run` too large for the ring, goes as plain data through `postMessage`. Of replies, small ones
// without an error take the ring that have no result, the rows of a `run`, or the changes of a `run` or a `many`.

import type {
  EngineKind,
  IntegerMode,
  JournalMode,
  PragmaValue,
  Row,
  SqlValue,
  StorageKind,
  Synchronous,
  Tables,
  TxnState,
} from "../types.ts";

/** Parameters after validation: booleans and ArrayBuffers are gone. */
export type WireParams = readonly SqlValue[] | Readonly<Record<string, SqlValue>>;

/** What a `run` wants back. `"changes"` drops the rows. */
export type Want = "objects" | "arrays" | "first" | "firstArray" | "value" | "changes";

/** What the borrower of the connection may do at this moment. */
export interface Access {
  /**
   * The caller holds the database's write permit. Without it a statement that may write is not run;
   * its reply has `needsPermit` instead.
   */
  readonly permit: boolean;
  /** The lease refuses writes: a statement that may write fails with `SQLITE_READONLY`. */
  readonly readonly: boolean;
  /** The statement is interrupted after so many milliseconds; 0: never. */
  readonly timeoutMs: number;
  /** The reply is to tell how long the thread worked on it. */
  readonly timed?: boolean | undefined;
}

interface OnConnection {
  /** The connection's number, chosen by the caller, unique in the process. */
  readonly connection: number;
}

/** Opens `connection` in this thread and applies the pragmas of the thread's configuration. */
export interface OpenRequest extends OnConnection {
  readonly kind: "open";
}

export interface CloseRequest extends OnConnection {
  readonly kind: "close";
}

/** Runs one statement to its end. */
export interface RunRequest extends OnConnection, Access {
  readonly kind: "run";
  readonly sql: string;
  readonly params: WireParams;
  readonly want: Want;
}

/** Runs one statement that only reads, and tells which tables its rows come from. */
export interface WatchRequest extends OnConnection, Access {
  readonly kind: "watch";
  readonly sql: string;
  readonly params: WireParams;
  readonly want: "objects" | "arrays";
}

/** Runs one statement once per entry of `paramsList`, in one transaction (or savepoint). */
export interface ManyRequest extends OnConnection, Access {
  readonly kind: "many";
  readonly sql: string;
  readonly paramsList: readonly WireParams[];
}

/**
 * Runs the statements of `sql`, none of which takes parameters: all of them, or those in front of one
 * that would have to wait; what is left is in the reply. Where it is the first that has to wait, the
 * reply is that of a `run`, and nothing has happened.
 */
export interface ScriptRequest extends OnConnection, Access {
  readonly kind: "script";
  readonly sql: string;
}

/** Runs several statements atomically: in one transaction, or a savepoint of the open one. */
export interface BatchRequest extends OnConnection, Access {
  readonly kind: "batch";
  readonly statements: readonly { readonly sql: string; readonly params: WireParams }[];
  readonly want: "objects" | "arrays";
}

/** Compiles the first statement of `sql` and tells of it. Nothing is run. */
export interface DescribeRequest extends OnConnection {
  readonly kind: "describe";
  readonly sql: string;
}

/** Starts a statement whose rows are fetched chunk by chunk; the reply has the first chunk. */
export interface OpenCursorRequest extends OnConnection, Access {
  readonly kind: "openCursor";
  /** The cursor's number, chosen by the caller, unique on the connection. */
  readonly cursor: number;
  readonly sql: string;
  readonly params: WireParams;
  readonly want: "objects" | "arrays";
  readonly chunkRows: number;
}

export interface FetchRequest extends OnConnection {
  readonly kind: "fetch";
  readonly cursor: number;
  readonly chunkRows: number;
  readonly timeoutMs: number;
  readonly timed?: boolean | undefined;
}

export interface CloseCursorRequest extends OnConnection {
  readonly kind: "closeCursor";
  readonly cursor: number;
}

/**
 * Makes the connection fit for its next borrower: resets cursors, rolls an open transaction back,
 * and reopens the SQLite handle when a statement changed its state (`Reply.tainted`).
 */
export interface ResetRequest extends OnConnection {
  readonly kind: "reset";
}

/**
 * Takes the connection's present state for that of a new one: what the pool's `onConnect` set up
 * stays until the handle is reopened.
 */
export interface AdoptRequest extends OnConnection {
  readonly kind: "adopt";
}

/**
 * Copies the next `pages` pages, at most, of the connection's database into another file; all of one backup
 * come from one snapshot.
 */
export interface BackupRequest extends OnConnection {
  readonly kind: "backup";
  readonly destination: string;
  readonly step: "start" | "continue" | "cancel";
  readonly pages: number;
}

/**
 * Replaces the content of the connection's database by that of the file `source`, in one
 * transaction, after checking its header and integrity. Needs the write permit.
 */
export interface ImportRequest extends OnConnection {
  readonly kind: "import";
  readonly source: string;
}

/** Works on a file through the thread's storage, outside SQLite. */
export interface FileRequest extends OnConnection {
  readonly kind: "file";
  readonly operation: "create" | "append" | "read" | "delete";
  readonly path: string;
  /** What to append. */
  readonly bytes?: Uint8Array | undefined;
  /** Where to read. The result is up to `length` bytes; fewer, or none, at the end of the file. */
  readonly offset?: number | undefined;
  readonly length?: number | undefined;
}

export type Request =
  | OpenRequest
  | CloseRequest
  | RunRequest
  | WatchRequest
  | ManyRequest
  | ScriptRequest
  | BatchRequest
  | DescribeRequest
  | OpenCursorRequest
  | FetchRequest
  | CloseCursorRequest
  | ResetRequest
  | AdoptRequest
  | BackupRequest
  | ImportRequest
  | FileRequest;

/** What a `watch` answers. */
export interface WatchResult {
  readonly rows: readonly (Row | SqlValue[])[];
  /** A commit that changes none of these does not change the rows. */
  readonly tables: Tables;
}

/** What a `run` that wants `"changes"`, and each `many`, answers. */
export interface ChangesResult {
  readonly changes: number;
  readonly lastInsertRowid: number | bigint;
}

/** How far a script came. */
export interface ScriptResult {
  /** The statements that have not been run; empty when all were. */
  readonly rest: string;
}

/** The result of one statement of a batch. */
export interface BatchResult extends ChangesResult {
  readonly rows: readonly Row[];
}

/** One chunk of a cursor. After `done` the cursor is closed. */
export interface CursorResult {
  readonly rows: readonly (Row | SqlValue[])[];
  readonly done: boolean;
}

export interface ResetResult {
  /** A transaction was open and has been rolled back. */
  readonly rolledBack: boolean;
  /** The SQLite handle was closed and opened anew. */
  readonly reopened: boolean;
}

export interface BackupResult {
  readonly remainingPages: number;
  readonly totalPages: number;
  readonly done: boolean;
}

/** Milliseconds; `startedAt` since 1970, since threads have no other clock in common. */
export interface RunTimes {
  readonly startedAt: number;
  readonly ranMs: number;
}

/** The answer to a request. State words describe the connection after it. */
export interface Reply {
  /** The connection's transaction; the write permit goes back when this leaves 2. */
  readonly txn: TxnState;
  /** False inside a transaction the borrower opened (`sqlite3_get_autocommit`). */
  readonly autocommit: boolean;
  /** The connection's state differs from a new one's: it needs a `reset` before it is lent again. */
  readonly tainted: boolean;
  /** The statement may write and was not run, because the request had no permit. */
  readonly needsPermit: boolean;
  /** Rows that travelled with this reply. */
  readonly rows: number;
  /** What commits of this connection have changed since its reply before this one. */
  readonly changed?: Tables | undefined;
  readonly result: unknown;
  /** Set when the request failed; `result` is then undefined. */
  readonly error: Error | undefined;
  /** When and how long the thread worked on it, where the request asked for that. */
  readonly times?: RunTimes | undefined;
}

/** What a thread needs to know before its first request. Plain data: it is sent to workers. */
export interface ThreadConfig {
  readonly engine: EngineKind;
  /** `"auto"`: the thread finds out what there is. */
  readonly storage: StorageKind | "auto";
  /** What `Storage.resolve` returned, or a name of the memory database. */
  readonly path: string;
  readonly readonly: boolean;
  readonly create: boolean;
  readonly journalMode: JournalMode;
  readonly synchronous: Synchronous;
  readonly foreignKeys: boolean;
  readonly pragmas: Readonly<Record<string, PragmaValue>>;
  /** Of the pool, as it was opened: they share what memory there is for pages. */
  readonly maxConnections: number;
  readonly statementCacheSize: number;
  readonly integers: IntegerMode;
  /**
   * The database's lock table and wal-index, and this instance's slot in it (`shm/layout.ts`); undefined
   * where memory cannot be shared: the thread is then the only one, and makes its own.
   */
  readonly shared: unknown;
  /** The bytes of a database that lives in memory (`storage/memory.ts`); undefined as above. */
  readonly disk?: unknown;
  /** Other threads have the database's files open at the same time. */
  readonly severalThreads: boolean;
  /** Others, with settings of their own, use the files through this thread as well. */
  readonly isOpenToOthers?: boolean | undefined;
  /** Milliseconds to wait for files that a thread which is about to end still has. */
  readonly busyTimeout: number;
  readonly slot: number;
  /**
   * The compiled engine, a `WebAssembly.Module`, where the caller has it already. Not said by that name, which
   * programs lack that are compiled without the DOM: declarations of the package lead here.
   */
  readonly module?: unknown;
  /** The address of the engine's script, for threads that cannot import it by themselves. */
  readonly engineScript?: string | undefined;
}
