// Every error the library throws.

import { ABORT_ROLLBACK, INTERRUPT, MISUSE } from "./result-codes.ts";

/**
 * Why a {@link StorageError} came about:
 *
 * - `"quota"`: no room is left on the disk, or of the origin's quota
 * - `"permission"`: the platform, or a readonly pool, does not allow it
 * - `"locked"`: another process, tab, worker or pool has the file
 * - `"corrupt"`: it is no database, or a damaged one
 * - `"unsupported"`: the runtime lacks what was asked for, such as a storage or an engine
 * - `"io"`: reading, writing or loading failed otherwise
 */
export type StorageReason = "quota" | "permission" | "locked" | "corrupt" | "unsupported" | "io";

/** Codes of errors that are the pool's own; SQLite's carry SQLite's extended names. */
export type PoolErrorCode =
  | "ACQUIRE_TIMEOUT"
  | "POOL_EXHAUSTED"
  | "POOL_CLOSED"
  | "CONNECTION_RELEASED"
  | "WORKER_CRASHED"
  | `STORAGE_${Uppercase<StorageReason>}`;

/** A code is API: match on it rather than on a message. */
export type ErrorCode = PoolErrorCode | `SQLITE_${string}`;

/** The base of every error of this library. */
export class PoolError extends Error {
  override readonly name: string = "PoolError";
  /** Stable identifier of the kind of failure. */
  readonly code: ErrorCode;

  constructor(code: ErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}

/** What an {@link SqliteError} carries beside its message. */
export interface SqliteErrorDetails extends ErrorOptions {
  /** The name of `resultCode`, such as `SQLITE_CONSTRAINT_UNIQUE`. */
  readonly code: `SQLITE_${string}`;
  /** The extended result code, see https://sqlite.org/rescode.html */
  readonly resultCode: number;
  /** The statement that failed, where one did. */
  readonly sql?: string | undefined;
  /** Byte offset into `sql` of the token a syntax error is about. Default -1: there is none. */
  readonly offset?: number | undefined;
}

/** An error SQLite reported. `code` is the extended name, such as `SQLITE_CONSTRAINT_UNIQUE`. */
export class SqliteError extends PoolError {
  override readonly name: string = "SqliteError";
  declare readonly code: `SQLITE_${string}`;
  /** The extended result code, see https://sqlite.org/rescode.html */
  readonly resultCode: number;
  /** The statement that failed, where one did. */
  readonly sql: string | undefined;
  /** Byte offset into `sql` of the token a syntax error is about, or -1. */
  readonly offset: number;

  constructor(message: string, details: SqliteErrorDetails) {
    super(details.code, message, details);
    this.resultCode = details.resultCode;
    this.sql = details.sql;
    this.offset = details.offset ?? -1;
  }
}

/** @internal The error of a statement that was stopped without SQLite taking part in it. */
export function interruptedError(sql: string | undefined): SqliteError {
  return new SqliteError("interrupted", { code: "SQLITE_INTERRUPT", resultCode: INTERRUPT, sql });
}

/**
 * @internal What a transaction refuses further statements with once it has ended: `cause` is the error it
 * has ended with, as a rule one that SQLite has rolled it back for.
 */
export function transactionEndedError(cause: Error | undefined): SqliteError {
  const why =
    cause === undefined
      ? "the transaction has been ended by a statement of its own"
      : `the transaction has ended (${cause.message})`;
  return new SqliteError(
    `${why}: outside of it, this would be kept by itself, and is not run; begin it again`,
    { code: "SQLITE_ABORT_ROLLBACK", resultCode: ABORT_ROLLBACK, cause },
  );
}

/** @internal What a transaction fails with, and all inside of it, when it ends before one of those. */
export function overlappingError(): SqliteError {
  return new SqliteError(
    "a transaction has ended before one inside of it, and all of it is rolled back; await the inner one, or borrow a connection for each",
    { code: "SQLITE_MISUSE", resultCode: MISUSE },
  );
}

/** Who holds the write lock of a database. */
export interface WriteLockHolder {
  /** The holder's pool, by its `name`. */
  readonly pool: string;
  /** The holder's connection, by its `id`. */
  readonly connection: number;
  /** The statement it took the lock for. */
  readonly sql: string | undefined;
  /** Milliseconds it has held the lock. */
  readonly heldMs: number;
}

/** The database stayed locked for longer than `busyTimeout`. */
export class BusyError extends SqliteError {
  override readonly name = "BusyError";
  declare readonly code: "SQLITE_BUSY";
  /** Who held the write lock when the wait ended, where that is known. */
  readonly holder: WriteLockHolder | undefined;

  constructor(
    message: string,
    details: SqliteErrorDetails & {
      readonly code: "SQLITE_BUSY";
      readonly holder?: WriteLockHolder | undefined;
    },
  ) {
    super(message, details);
    this.holder = details.holder;
  }
}

/** One connection that was out when an acquire gave up. */
export interface LeaseReport {
  /** The connection's `id`. */
  readonly connection: number;
  /** Milliseconds since it was lent. */
  readonly heldMs: number;
  /** The statement it runs now, if it runs one. */
  readonly sql: string | undefined;
}

/** No connection became free in time. */
export class AcquireTimeoutError extends PoolError {
  override readonly name = "AcquireTimeoutError";
  declare readonly code: "ACQUIRE_TIMEOUT";
  /**
   * `"timeout"`: the time was up. `"nested"`: what the caller would wait for is held by its own calls around
   * this one; such a call fails at once.
   */
  readonly reason: "timeout" | "nested";
  /** Who holds the connections. */
  readonly leases: readonly LeaseReport[];

  constructor(
    message: string,
    details: ErrorOptions & {
      readonly reason: "timeout" | "nested";
      readonly leases: readonly LeaseReport[];
    },
  ) {
    super("ACQUIRE_TIMEOUT", message, details);
    this.reason = details.reason;
    this.leases = details.leases;
  }
}

/** `maxWaiters` are waiting already. */
export class PoolExhaustedError extends PoolError {
  override readonly name = "PoolExhaustedError";
  declare readonly code: "POOL_EXHAUSTED";

  constructor(message: string) {
    super("POOL_EXHAUSTED", message);
  }
}

/** The pool is closed, or closes. */
export class PoolClosedError extends PoolError {
  override readonly name = "PoolClosedError";
  declare readonly code: "POOL_CLOSED";

  constructor(message: string, options?: ErrorOptions) {
    super("POOL_CLOSED", message, options);
  }
}

/** The connection was given back before; acquire another one. */
export class ConnectionReleasedError extends PoolError {
  override readonly name = "ConnectionReleasedError";
  declare readonly code: "CONNECTION_RELEASED";

  constructor(message: string) {
    super("CONNECTION_RELEASED", message);
  }
}

/** What is known of a request whose thread is gone. */
export interface CrashDetails extends ErrorOptions {
  /** See {@link WorkerCrashedError.mayHaveRun}. Default true: nobody knows. */
  readonly mayHaveRun?: boolean | undefined;
  /** See {@link WorkerCrashedError.retriable}. Default false. */
  readonly retriable?: boolean | undefined;
  /** See {@link WorkerCrashedError.connectionLost}. Default true. */
  readonly connectionLost?: boolean | undefined;
}

/** The thread that ran the connection died, or handed the database over. */
export class WorkerCrashedError extends PoolError {
  override readonly name = "WorkerCrashedError";
  declare readonly code: "WORKER_CRASHED";
  /**
   * Whether the statement took effect is unknown: look, before you run it again. When false, it has had
   * no effect and never will.
   */
  readonly mayHaveRun: boolean;
  /** The pool goes on, with another thread or another tab's: the call can be made again. */
  readonly retriable: boolean;
  /** The connection went with its thread, and its transaction with it; borrow another one. */
  readonly connectionLost: boolean;

  constructor(message: string, details: CrashDetails = {}) {
    super("WORKER_CRASHED", message, details);
    this.mayHaveRun = details.mayHaveRun ?? true;
    this.retriable = details.retriable ?? false;
    this.connectionLost = details.connectionLost ?? true;
  }
}

/** @internal The same crash for one more request: each has a stack of its own. */
export function crashFor(crash: WorkerCrashedError, mayHaveRun: boolean): WorkerCrashedError {
  const { message, cause, retriable, connectionLost } = crash;
  const details = { mayHaveRun, retriable, connectionLost };
  return new WorkerCrashedError(message, cause === undefined ? details : { ...details, cause });
}

/** The storage below SQLite refused or failed. */
export class StorageError extends PoolError {
  override readonly name = "StorageError";
  declare readonly code: `STORAGE_${Uppercase<StorageReason>}`;
  /** What kind of failure; `code` says the same. */
  readonly reason: StorageReason;

  constructor(reason: StorageReason, message: string, options?: ErrorOptions) {
    super(`STORAGE_${reason.toUpperCase() as Uppercase<StorageReason>}`, message, options);
    this.reason = reason;
  }
}

/** @internal Whatever was thrown, as an error. */
export function asError(thrown: unknown): Error {
  return thrown instanceof Error ? thrown : new Error(String(thrown), { cause: thrown });
}
