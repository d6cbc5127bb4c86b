// Words every layer shares. No behaviour, no imports.

/**
 * Bytes that come out of a database: `Uint8Array<ArrayBuffer>`, a copy of the caller's own that a `Blob` or a
 * `Response` takes. Spelled so that compilers before TypeScript 5.7, whose `Uint8Array` takes no argument,
 * understand it too.
 */
export type Bytes = ReturnType<Uint8Array["slice"]>;

/** A value as it comes out of a database. For integers see {@link IntegerMode}. */
export type SqlValue = null | number | bigint | string | Bytes;

/** A value that may be bound to a parameter. A boolean is stored as 0 or 1. */
export type BindValue = null | number | bigint | string | boolean | Uint8Array | ArrayBuffer;

/** Positional (`?`, `?1`) or named (`:a`, `@a`, `$a`, keys without the prefix) parameters. */
export type BindParams = readonly BindValue[] | Readonly<Record<string, BindValue>>;

/**
 * Named parameters of a type of their own, such as an interface: each property of `P` is a
 * {@link BindValue}, and none is optional. A function, which has no properties, is none.
 */
export type NamedParams<P> = { readonly [Name in keyof P]-?: BindValue } & {
  readonly [Symbol.hasInstance]?: never;
} & object;

/** One row as an object by column name. Of two columns of one name the last wins. */
export type Row = Record<string, SqlValue>;

/**
 * How integers reach JavaScript: `"auto"` gives a `number` where it is safe, which is up to
 * ±(2^53 − 1), and a `bigint` beyond; `"bigint"` always a `bigint`; `"number"` always a `number`, and a
 * `RangeError` for an unsafe one; but an unsafe `lastInsertRowid` is a `bigint` then as well, since its row is
 * stored.
 */
export type IntegerMode = "auto" | "bigint" | "number";

/** See https://sqlite.org/pragma.html#pragma_journal_mode */
export type JournalMode = "wal" | "delete" | "truncate" | "persist" | "memory" | "off";

/** See https://sqlite.org/pragma.html#pragma_synchronous */
export type Synchronous = "off" | "normal" | "full" | "extra";

/** The characters, a byte each, that every database starts with, https://sqlite.org/fileformat2.html#magic_header_string */
export const DATABASE_MAGIC = "SQLite format 3\0";

/** The path of a database in memory. */
export const MEMORY_PATH = ":memory:";

/** Where the bytes of a database live. */
export type StorageKind = "file" | "opfs" | "indexeddb" | "memory";

/** A change of the tab that runs SQLite. */
export interface OwnerChange {
  /** `"owner"`: this one runs it from now on. */
  readonly role: "owner" | "client";
  /** Milliseconds in which nobody ran it. */
  readonly tookMs: number;
}

/** Something that was tried first, and why it is not available. */
export interface Fallback {
  /** What was tried. */
  readonly tried: StorageKind | EngineKind | "worker";
  /** Why it is not available, in words. */
  readonly why: string;
}

/** Which build of SQLite runs. */
export type EngineKind = "sqlite-wasm" | "sql.js";

/** The value of a pragma given as an option. */
export type PragmaValue = string | number | boolean;

/** See https://sqlite.org/pragma.html#pragma_wal_checkpoint */
export type CheckpointMode = "passive" | "full" | "restart" | "truncate";

/** What `execute` tells of a statement. */
export interface ExecuteResult {
  /** Rows the statement itself inserted, updated or deleted; 0 for one that changes no rows. */
  readonly changes: number;
  /** The rowid of the connection's latest successful insert, see {@link IntegerMode}. 0 before the first one. */
  readonly lastInsertRowid: number | bigint;
}

/** What SQLite says of a statement without running it. */
export interface StatementInfo {
  /** The statement's own text. */
  readonly sql: string;
  /** What follows it: further statements, or nothing. */
  readonly rest: string;
  /** The names of the columns of its rows; empty for a statement that yields none. */
  readonly columns: readonly string[];
  /** The name of each parameter with its prefix; undefined for a bare `?`. */
  readonly parameters: readonly (string | undefined)[];
  /** It does not write to the database file itself. */
  readonly readonly: boolean;
}

/**
 * A connection's transaction as `sqlite3_txn_state` numbers it: 0 none, 1 read, 2 write.
 * See https://sqlite.org/c3ref/c_txn_none.html
 */
export type TxnState = 0 | 1 | 2;

/**
 * Tables by name, each as the schema spells it; one of an attached database as `schema.table`. A change
 * of the schema itself is one of `sqlite_schema`. `"any"`: which ones is not known, or all of them.
 */
export type Tables = readonly string[] | "any";

/**
 * Receives a result cell by cell, in column order, straight from SQLite's memory: `heap` is only
 * valid during the call.
 */
export interface RowSink {
  /**
   * Called with the names of the columns before the first row of a result, and before the first one that comes
   * when the statement goes on after others; never where there is none.
   */
  begin(columns: readonly string[]): void;
  null(column: number): void;
  number(column: number, value: number): void;
  bigint(column: number, value: bigint): void;
  /** Text as UTF-8 (WTF-8 where it has lone surrogates) in `heap[start, end)`. */
  text(column: number, heap: Uint8Array, start: number, end: number): void;
  blob(column: number, heap: Uint8Array, start: number, end: number): void;
  /** Ends a row. Returns false when the sink has enough for now. */
  endRow(): boolean;
}
