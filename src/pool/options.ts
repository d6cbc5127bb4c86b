// The options of a pool: what they mean, their defaults, and what is refused.

import {
  type EngineKind,
  type IntegerMode,
  type JournalMode,
  MEMORY_PATH,
  type PragmaValue,
  type StorageKind,
  type Synchronous,
} from "../types.ts";
import type { Connection } from "./connection.ts";

/** Options of `openPool`. Times are in milliseconds. */
export interface PoolOptions {
  /** Most connections open at once; an integer of at least 1. Default 5. */
  readonly maxConnections?: number | undefined;
  /** Longest wait in `acquire`; `Infinity` waits for ever. Default 30,000. */
  readonly acquireTimeout?: number | undefined;
  /** A further waiter is refused at once with `PoolExhaustedError`. Default `Infinity`. */
  readonly maxWaiters?: number | undefined;
  /** An idle connection beyond the first is closed after this; `Infinity` keeps it. Default 60,000. */
  readonly idleTimeout?: number | undefined;
  /** A connection older than this is replaced when it comes back. Default `Infinity`. */
  readonly maxLifetime?: number | undefined;
  /** A connection out for longer is reported once, by the event `leak`. Default 0: off. */
  readonly leakThreshold?: number | undefined;
  /**
   * Longest wait for SQLite's locks, that of writers for their turn included; `Infinity` waits for ever, 0
   * does not. Default 5,000. It also limits the wait of the opening for a file that another process, or a tab
   * that cannot share it, has (answers of other tabs are awaited for at least 5 s), of `checkpoint` for readers,
   * and in browsers of `deleteDatabase` for other tabs to close the database.
   */
  readonly busyTimeout?: number | undefined;
  /** Open the file for reading only. Default false. */
  readonly readonly?: boolean | undefined;
  /** Create the file if it is not there. Default true, false for a readonly pool. */
  readonly create?: boolean | undefined;
  /** Default `"wal"`. */
  readonly journalMode?: JournalMode | undefined;
  /** Default `"full"`: a resolved commit survives a power cut. */
  readonly synchronous?: Synchronous | undefined;
  /** Enforce foreign keys on every connection. Default true. */
  readonly foreignKeys?: boolean | undefined;
  /** Further pragmas for every new connection, by name; text is quoted. Default none. */
  readonly pragmas?: Readonly<Record<string, PragmaValue>> | undefined;
  /** Prepared statements each connection keeps. Default 100. */
  readonly statementCacheSize?: number | undefined;
  /** How SQLite's integers reach JavaScript. Default `"auto"`. */
  readonly integers?: IntegerMode | undefined;
  /** Where the bytes live. Default `"auto"`: the best there is here. */
  readonly storage?: StorageKind | "auto" | undefined;
  /** Which build of SQLite runs. Default `"auto"`: SQLite's own where WebAssembly can run, else sql.js. */
  readonly engine?: EngineKind | "auto" | undefined;
  /**
   * Most worker threads that run SQLite, no more than there may be connections; 0 runs it in the calling
   * thread. Default `"auto"`: as many as there are cores; in a browser where no worker can have the database, the
   * calling thread.
   */
  readonly threads?: number | "auto" | undefined;
  /**
   * Run once on every new connection. What it sets up is not undone at release. A transaction that it
   * leaves open is an error, and the connection is not opened. A stored database that it attaches can be
   * open in one thread only: where it attaches one, `threads` is to be 1 or 0.
   */
  readonly onConnect?: ((db: Connection) => Promise<void> | void) | undefined;
  /** Label in stats, events and errors. Default the path. */
  readonly name?: string | undefined;
  /** Aborts the opening. */
  readonly signal?: AbortSignal | undefined;
}

/** Options with every default filled in. */
export interface ResolvedOptions {
  readonly maxConnections: number;
  readonly acquireTimeout: number;
  readonly maxWaiters: number;
  readonly idleTimeout: number;
  readonly maxLifetime: number;
  readonly leakThreshold: number;
  readonly busyTimeout: number;
  readonly readonly: boolean;
  readonly create: boolean;
  readonly journalMode: JournalMode;
  readonly synchronous: Synchronous;
  readonly foreignKeys: boolean;
  readonly pragmas: Readonly<Record<string, PragmaValue>>;
  readonly statementCacheSize: number;
  readonly integers: IntegerMode;
  readonly storage: StorageKind | "auto";
  readonly engine: EngineKind | "auto";
  readonly threads: number | "auto";
  readonly onConnect: ((db: Connection) => Promise<void> | void) | undefined;
  readonly name: string;
  readonly signal: AbortSignal | undefined;
}

/** How long, and until which signal, to wait for a connection. */
export interface AcquireOptions {
  /**
   * Milliseconds; 0 tries once. Default the pool's `acquireTimeout`. A writer's wait for its turn is part
   * of it; while others write, that ends after `busyTimeout` as well.
   */
  readonly timeout?: number | undefined;
  /** Ends the wait, which then rejects with the signal's reason. */
  readonly signal?: AbortSignal | undefined;
}

/** How long to wait for borrowers. */
export interface CloseOptions {
  /** Milliseconds; `Infinity` waits for ever. Default 10,000. */
  readonly timeout?: number | undefined;
}

/** Options of one statement. */
export interface QueryOptions {
  /** Stops the statement, which then rejects with the signal's reason. */
  readonly signal?: AbortSignal | undefined;
  /**
   * Milliseconds after which the statement is stopped with `SQLITE_INTERRUPT`; of `iterate`, each chunk. Time
   * before SQLite begins, such as a wait for a connection or a lock, is not counted. Default and `Infinity`: no
   * limit. The shortest is 1; 0 counts as 1.
   */
  readonly timeout?: number | undefined;
  /** Rows as objects by column name (default) or as arrays. */
  readonly rowMode?: "object" | "array" | undefined;
}

/** What has rows come as arrays: with it, the type of a row is `SqlValue[]` unless another one is given. */
export interface RowsAsArrays {
  readonly rowMode: "array";
}

type Check = (value: unknown, name: string) => void;

const time: Check = (value, name) => {
  if (typeof value !== "number") throw new TypeError(`${name} must be a number of milliseconds`);
  if (!(value >= 0)) throw new RangeError(`${name} must be 0 or more milliseconds, not ${value}`);
};
const integer =
  (least: number, orInfinity: boolean): Check =>
  (value, name) => {
    if (typeof value !== "number") throw new TypeError(`${name} must be a number`);
    if (Number.isInteger(value) && value >= least) return;
    if (orInfinity && value === Number.POSITIVE_INFINITY) return;
    throw new RangeError(`${name} must be an integer of at least ${least}, not ${value}`);
  };
/** What a `Response` takes beside a body, https://fetch.spec.whatwg.org/#initialize-a-response */
const statusWithBody: Check = (value, name) => {
  integer(200, false)(value, name);
  const status = Number(value);
  if (status <= 599 && ![204, 205, 304].includes(status)) return;
  throw new RangeError(`${name} must be a status from 200 to 599 that has a body, not ${status}`);
};
const boolean: Check = (value, name) => {
  if (typeof value !== "boolean") throw new TypeError(`${name} must be true or false`);
};
const oneOf =
  (...allowed: readonly string[]): Check =>
  (value, name) => {
    if (typeof value === "string" && allowed.includes(value)) return;
    const list = allowed.map((each) => `"${each}"`).join(", ");
    const Kind = typeof value === "string" ? RangeError : TypeError;
    throw new Kind(`${name} must be one of ${list}, not ${String(value)}`);
  };
const text: Check = (value, name) => {
  if (typeof value !== "string") throw new TypeError(`${name} must be a string`);
};
const callback: Check = (value, name) => {
  if (typeof value !== "function") throw new TypeError(`${name} must be a function`);
};
const abortSignal: Check = (value, name) => {
  if (value instanceof AbortSignal) return;
  throw new TypeError(`${name} must be an AbortSignal`);
};
const pragmas: Check = (value, name) => {
  if (Object.prototype.toString.call(value) !== "[object Object]") {
    throw new TypeError(`${name} must be an object`);
  }
  for (const [pragma, setting] of Object.entries(value as object)) {
    if (!/^[A-Za-z_][A-Za-z0-9_]*$/.test(pragma)) {
      throw new TypeError(`${name} has "${pragma}", which is no pragma's name`);
    }
    if (["string", "boolean"].includes(typeof setting) || Number.isFinite(setting)) continue;
    throw new TypeError(`${name}.${pragma} must be a string, a finite number or a boolean`);
  }
};
const threads: Check = (value, name) => {
  if (value !== "auto") integer(0, false)(value, name);
};

const CHECKS: Readonly<Record<keyof PoolOptions, Check>> = {
  maxConnections: integer(1, false),
  acquireTimeout: time,
  maxWaiters: integer(0, true),
  idleTimeout: time,
  maxLifetime: time,
  leakThreshold: time,
  busyTimeout: time,
  readonly: boolean,
  create: boolean,
  journalMode: oneOf("wal", "delete", "truncate", "persist", "memory", "off"),
  synchronous: oneOf("off", "normal", "full", "extra"),
  foreignKeys: boolean,
  pragmas,
  statementCacheSize: integer(0, false),
  integers: oneOf("auto", "bigint", "number"),
  storage: oneOf("auto", "file", "opfs", "indexeddb", "memory"),
  engine: oneOf("auto", "sqlite-wasm", "sql.js"),
  threads,
  onConnect: callback,
  name: text,
  signal: abortSignal,
};
const BACKUP_CHECKS = { signal: abortSignal, onProgress: callback, pages: integer(1, false) };
const ACQUIRE_CHECKS = { timeout: time, signal: abortSignal };
const CLOSE_CHECKS = { timeout: time };
const QUERY_CHECKS = {
  signal: abortSignal,
  timeout: time,
  rowMode: oneOf("object", "array"),
};
const ITERATE_CHECKS = { ...QUERY_CHECKS, chunkSize: integer(1, false) };
const TRANSACTION_CHECKS = { mode: text, signal: abortSignal };
const LIST_CHECKS = { directory: text, recursive: boolean };
const CHECK_CHECKS = { timeout: time };
const POOL_CHECK_CHECKS = { timeout: time, name: text };
const HANDLER_CHECKS = { path: text, degradedStatusCode: statusWithBody };

/** Fills in the defaults. @throws TypeError, RangeError naming the option that is wrong */
export function resolveOptions(path: string, options: PoolOptions = {}): ResolvedOptions {
  checkPath(path);
  checkAll(options, CHECKS, "option");
  const readonly = options.readonly ?? false;
  if (readonly && options.create) throw new TypeError("a readonly pool cannot create its file");
  const isMemory = path === MEMORY_PATH || options.storage === "memory";
  if (readonly && isMemory)
    throw new TypeError("a database in memory starts empty, so it cannot be readonly");
  return {
    maxConnections: options.maxConnections ?? 5,
    acquireTimeout: options.acquireTimeout ?? 30_000,
    maxWaiters: options.maxWaiters ?? Number.POSITIVE_INFINITY,
    idleTimeout: options.idleTimeout ?? 60_000,
    maxLifetime: options.maxLifetime ?? Number.POSITIVE_INFINITY,
    leakThreshold: options.leakThreshold ?? 0,
    busyTimeout: options.busyTimeout ?? 5_000,
    readonly,
    create: isMemory || (options.create ?? !readonly),
    journalMode: options.journalMode ?? "wal",
    synchronous: options.synchronous ?? "full",
    foreignKeys: options.foreignKeys ?? true,
    pragmas: options.pragmas ?? {},
    statementCacheSize: options.statementCacheSize ?? 100,
    integers: options.integers ?? "auto",
    storage: options.storage ?? "auto",
    engine: options.engine ?? "auto",
    threads: options.threads ?? "auto",
    onConnect: options.onConnect,
    name: options.name ?? path,
    signal: options.signal,
  };
}

export function checkMaxConnections(value: number): void {
  CHECKS.maxConnections(value, "maxConnections");
}

export function checkAcquireOptions(options: AcquireOptions): void {
  checkAll(options, ACQUIRE_CHECKS, "acquire option");
}

export function checkCloseOptions(options: CloseOptions): void {
  checkAll(options, CLOSE_CHECKS, "close option");
}

export function checkQueryOptions(options: QueryOptions): void {
  checkAll(options, QUERY_CHECKS, "query option");
}

export function checkIterateOptions(options: object): void {
  checkAll(options, ITERATE_CHECKS, "query option");
}

/** The mode is checked where it is used. */
export function checkTransactionOptions(options: object): void {
  checkAll(options, TRANSACTION_CHECKS, "transaction option");
}

export function checkBackupOptions(options: object): void {
  checkAll(options, BACKUP_CHECKS, "backup option");
}

export function checkListOptions(options: object): void {
  checkAll(options, LIST_CHECKS, "list option");
}

/** Those of a registered health check. */
export function checkCheckOptions(options: object): void {
  checkAll(options, CHECK_CHECKS, "health check option");
}

export function checkPoolCheckOptions(options: object): void {
  checkAll(options, POOL_CHECK_CHECKS, "health check option");
}

export function checkHandlerOptions(options: object): void {
  checkAll(options, HANDLER_CHECKS, "health handler option");
}

/** @throws TypeError for what is no path */
export function checkPath(path: unknown): void {
  if (typeof path !== "string") throw new TypeError(`path must be a string, not ${typeof path}`);
  if (path === "")
    throw new TypeError('path must not be empty; ":memory:" is a database in memory');
  if (path.includes("\0")) throw new TypeError("path must not have a NUL character");
}

function checkAll(options: object, checks: Readonly<Record<string, Check>>, kind: string): void {
  if (typeof options !== "object" || options === null || Array.isArray(options)) {
    throw new TypeError(`${kind}s must be an object, not ${String(options)}`);
  }
  for (const [name, value] of Object.entries(options)) {
    const check = Object.hasOwn(checks, name) ? checks[name] : undefined;
    if (check === undefined) {
      throw new TypeError(`unknown ${kind} "${name}"; there are ${Object.keys(checks).join(", ")}`);
    }
    if (value !== undefined) check(value, name);
  }
}
