// The contract between the worker's host and a build of SQLite. `sqlite.ts` implements it for both builds,
// over our VFS.

import type { IntegerMode, RowSink, SqlValue, Tables, TxnState } from "../types.ts";

/** One prepared statement. */
export interface EngineStatement {
  readonly sql: string;
  /**
   * Running it changes no database file: `sqlite3_stmt_readonly`, corrected for EXPLAIN and for the question for
   * the journal mode, which only look, and for `PRAGMA optimize`, which has others write.
   */
  readonly readonly: boolean;
  /** It changes the schema; what SQLite then counts as changed are rows of tables it keeps by itself. */
  readonly changesSchema: boolean;
  /** It is BEGIN, COMMIT or ROLLBACK. */
  readonly controlsTransaction: boolean;
  /** Running it changes what the next borrower of the connection would find (see `taint.ts`). */
  readonly taints: boolean;
  readonly columns: readonly string[];
  /** Name of each parameter with its prefix, by position from 0; `undefined` for a bare `?`. */
  readonly parameters: readonly (string | undefined)[];
  /** The SQL text that follows this statement. */
  readonly tail: string;
  /**
   * Binds every parameter; `values[i]` goes to parameter i + 1. `once`: the statement is run to its end
   * before anything else is bound in this instance, so that SQLite needs no copies of its own.
   */
  bind(values: readonly SqlValue[], once?: boolean): void;
  /**
   * Steps until the statement is done, then resets it and returns true; or until the sink says
   * enough, and returns false. @throws SqliteError (the statement is then reset).
   */
  run(sink: RowSink | undefined, integers: IntegerMode): boolean;
  reset(): void;
  finalize(): void;
}

/** What a statement reads. Names of views and of table-valued functions may be among them. */
export interface TablesRead {
  readonly named: readonly string[];
  /** All that virtual tables have read on the connection so far: what any one of them reads, and more. */
  readonly byVirtualTables: readonly string[];
}

/** One `sqlite3*`. */
export interface EngineConnection {
  readonly txnState: TxnState;
  readonly autocommit: boolean;
  /** Rows the most recent INSERT, UPDATE or DELETE changed. */
  readonly changes: number;
  /** Rows changed since the connection was opened, triggers included. */
  readonly totalChanges: number;
  readonly lastInsertRowid: number | bigint;
  /**
   * Tables that have been changed by commits of this connection since the last call, maybe more than
   * really were; undefined where nothing was committed that others could see.
   */
  takeChanged(): Tables | undefined;
  /** Notes a change that came by another way than a statement. */
  noteChanged(tables: Tables): void;
  /** The tables that the first statement of `sql` reads, those behind views too. @throws SqliteError */
  tablesRead(sql: string): TablesRead | "any";
  /** The first statement of `sql`, or undefined where there is none (white space, comments). */
  prepare(sql: string): EngineStatement | undefined;
  /**
   * `stop` is asked every so many instructions of the virtual machine while a statement runs; true
   * ends the statement with `SQLITE_INTERRUPT`.
   */
  onProgress(stop: (() => boolean) | undefined): void;
  close(): void;
}

/** A running copy of one database into another, page by page. See https://sqlite.org/backup.html */
export interface EngineBackup {
  /** Copies at most `pages` pages (-1: all that remain); true when the copy is complete. */
  step(pages: number): boolean;
  readonly remainingPages: number;
  readonly totalPages: number;
  /** Ends the copy; one that is not complete leaves the destination as it was. */
  finish(): void;
}

/** How to open a connection. */
export interface EngineOpenOptions {
  readonly readonly: boolean;
  readonly create: boolean;
}

/** One instance of SQLite in this thread. */
export interface Engine {
  open(path: string, options: EngineOpenOptions): EngineConnection;
  /** Starts a copy of the whole database of `from` over that of `to`. */
  backup(from: EngineConnection, to: EngineConnection): EngineBackup;
  /**
   * The files were set back to an earlier state, as a crash may leave it. Connections that have not
   * written since go on; all others are closed.
   */
  forgetFiles(): void;
  /** Closes what is still open and gives the instance's place in the shared memory back. */
  close(): void;
}
