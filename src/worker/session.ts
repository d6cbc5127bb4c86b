// One connection in the thread that owns SQLite: its handle, its statements, its cursors.

import type { Engine, EngineConnection, EngineStatement } from "../engine/engine.ts";
import { SqliteError } from "../errors.ts";
import { ABORT, BUSY, MISUSE, READONLY } from "../result-codes.ts";
import type {
  Access,
  BatchRequest,
  BatchResult,
  ChangesResult,
  CursorResult,
  FetchRequest,
  ManyRequest,
  OpenCursorRequest,
  ResetResult,
  RunRequest,
  ScriptRequest,
  ScriptResult,
  ThreadConfig,
  Want,
  WatchRequest,
  WatchResult,
  WireParams,
} from "../rpc/protocol.ts";
import type { RowCollector } from "../rpc/rows.ts";
import { savepoint, transaction } from "../rpc/transaction-sql.ts";
import { unpreparedPath } from "../storage/storage.ts";
import type { StatementInfo, Tables } from "../types.ts";
import { openConnection } from "./open-connection.ts";
import { positional } from "./parameters.ts";
import { StatementCache } from "./statement-cache.ts";
import { tableNames, tablesRead } from "./tables.ts";
import { importFile } from "./transfer.ts";

/** In the text of each statement that both writes and gives rows; the others are pragmas. */
const RETURNING = /\breturning\b/i;

const ASKS_BUSY_TIMEOUT = /^\s*pragma\s+(?:main\s*\.\s*)?busy_timeout\s*;?\s*$/i;

/** So many entries of `many` take longer than the question whether somebody else waits. */
const ENTRIES_AT_A_TIME = 8;

/** Thrown to answer `needsPermit`: the statement may write, and the request has no permit. */
export const NEEDS_PERMIT = Symbol("needs permit");

/** Around a batch, or a statement that must not take effect in part. */
const SAVEPOINT = savepoint("_pool_batch");
const WRITING = transaction("IMMEDIATE");
const READING = transaction("DEFERRED");

const NOTHING = { rolledBack: false, changed: undefined } as const;

interface Cursor {
  readonly statement: EngineStatement;
  readonly want: Want;
}

/** A connection and what is open on it. */
export class Session {
  readonly #engine: Engine;
  readonly #config: ThreadConfig;
  readonly #collector: RowCollector;
  readonly #cache: StatementCache;
  readonly #cursors = new Map<number, Cursor>();
  #connection: EngineConnection;
  /** The connection's own state differs from a new one's. */
  tainted = false;
  /** Rows of the current request. */
  rows = 0;
  #open = true;
  /** What is still to be told of a handle that was closed for the next one. */
  #old: { readonly rolledBack: boolean; readonly changed: Tables | undefined } = NOTHING;

  /** @throws SqliteError, StorageError */
  constructor(engine: Engine, config: ThreadConfig, collector: RowCollector) {
    this.#engine = engine;
    this.#config = config;
    this.#collector = collector;
    this.#cache = new StatementCache(config.statementCacheSize);
    this.#connection = openConnection(engine, config);
  }

  get isOpen(): boolean {
    return this.#open;
  }

  get connection(): EngineConnection {
    return this.#connection;
  }

  run(request: RunRequest): unknown {
    const statement = this.#checkOut(request.sql);
    try {
      this.#admit(statement, request);
      const { params, want } = request;
      if (want === "changes") return this.#changesOf(statement, params);
      const rows = () => this.#rowsOf(statement, params, want);
      return this.#mayFailOnRows(statement) ? this.#atomically(request, rows) : rows();
    } finally {
      this.#cache.checkIn(statement);
    }
  }

  /** @throws TypeError for a statement that yields no rows or has an effect */
  watch(request: WatchRequest): WatchResult {
    const { sql, params, want } = request;
    const statement = this.#checkOut(sql);
    return this.#checkInAfter(statement, () => {
      this.#admit(statement, request);
      if (statement.columns.length === 0 || statement.taints) {
        throw new TypeError(`only a statement that reads rows can be watched, not: ${sql}`);
      }
      const rows = this.#rowsOf(statement, params, want) as WatchResult["rows"];
      // Now that it has run, virtual tables have read what they read.
      return { rows, tables: tablesRead(this.#connection, sql) };
    });
  }

  /** Calls `meanwhile` now and then, between two entries. */
  many(request: ManyRequest, meanwhile: (() => void) | undefined): ChangesResult {
    const statement = this.#checkOut(request.sql);
    return this.#checkInAfter(statement, () => {
      this.#admit(statement, request);
      checkAtomic(statement);
      const lists = request.paramsList.map((params) => positional(statement, params));
      const connection = this.#connection;
      const before = connection.totalChanges;
      let changes = 0;
      this.tainted ||= statement.taints;
      this.#atomically(request, () => {
        for (let i = 0; i < lists.length; i++) {
          if (i % ENTRIES_AT_A_TIME === 0) meanwhile?.();
          statement.bind(lists[i] ?? [], true);
          statement.run(undefined, this.#config.integers);
          changes += connection.changes;
        }
      });
      // A statement that is no INSERT, UPDATE or DELETE leaves the count of the one before it.
      if (connection.totalChanges === before || statement.changesSchema) changes = 0;
      return { changes, lastInsertRowid: this.#lastInsertRowid };
    });
  }

  /** Runs statement after statement; what ran before one that fails stays, as in SQLite's shell. */
  script(request: ScriptRequest): ScriptResult {
    let rest = request.sql;
    try {
      for (;;) {
        const statement = this.#connection.prepare(rest);
        if (statement === undefined) return { rest: "" };
        this.#runOfScript(statement, request);
        rest = statement.tail;
      }
    } catch (thrown) {
      // What ran must not run again: only the rest of the script is sent once more.
      if (rest !== request.sql && hasToWait(thrown)) return { rest };
      throw thrown;
    }
  }

  #runOfScript(statement: EngineStatement, access: Access): void {
    try {
      this.#admit(statement, access);
      if (statement.parameters.length > 0) {
        throw new TypeError(`a script takes no parameters, this statement does: ${statement.sql}`);
      }
      this.tainted ||= statement.taints;
      statement.run(undefined, this.#config.integers);
    } finally {
      statement.finalize();
    }
  }

  batch(request: BatchRequest): BatchResult[] {
    return this.#atomically(request, () =>
      request.statements.map(({ sql, params }) => {
        const statement = this.#checkOut(sql);
        return this.#checkInAfter(statement, () => {
          this.#admit(statement, request);
          checkAtomic(statement);
          const before = this.#connection.totalChanges;
          const rows = this.#rowsOf(statement, params, request.want) as BatchResult["rows"];
          return { rows, ...this.#changesSince(before, statement) };
        });
      }),
    );
  }

  /** Undefined where `sql` holds no statement. */
  describe(sql: string): StatementInfo | undefined {
    const statement = this.#connection.prepare(sql);
    if (statement === undefined) return undefined;
    const { columns, parameters, readonly, tail: rest } = statement;
    statement.finalize();
    return { sql: sql.slice(0, sql.length - rest.length), rest, columns, parameters, readonly };
  }

  openCursor(request: OpenCursorRequest): CursorResult {
    const statement = this.#checkOut(request.sql);
    try {
      this.#admit(statement, request);
      if (this.#mayFailOnRows(statement) || this.#mayFailToCommit(statement)) {
        const whole = this.#wholeResult(statement, request);
        this.#cache.checkIn(statement);
        return whole;
      }
      statement.bind(positional(statement, request.params));
      this.tainted ||= statement.taints;
    } catch (thrown) {
      this.#cache.checkIn(statement);
      throw thrown;
    }
    this.#cursors.set(request.cursor, { statement, want: request.want });
    return this.#fetch(request.cursor, request.chunkRows);
  }

  /** All in one chunk: none may be given before all can be. SQLite has them in memory in any case. */
  #wholeResult(statement: EngineStatement, request: OpenCursorRequest): CursorResult {
    const rows = this.#atomically(request, () =>
      this.#rowsOf(statement, request.params, request.want),
    );
    return { rows: rows as CursorResult["rows"], done: true };
  }

  /** It has written everything before it gives a row, and one that no number can hold is an error. */
  #mayFailOnRows(statement: EngineStatement): boolean {
    return this.#config.integers === "number" && givesWhatItWrites(statement);
  }

  /** With a rollback journal, to commit is to wait for readers; and SQLite commits after the last row. */
  #mayFailToCommit(statement: EngineStatement): boolean {
    return this.#config.journalMode !== "wal" && givesWhatItWrites(statement);
  }

  fetch(request: FetchRequest): CursorResult {
    return this.#fetch(request.cursor, request.chunkRows);
  }

  closeCursor(number: number): void {
    const cursor = this.#cursors.get(number);
    if (cursor === undefined) return;
    this.#cursors.delete(number);
    cursor.statement.reset();
    this.#cache.checkIn(cursor.statement);
  }

  /**
   * Cursors, transaction, and where it was tainted the handle: all as on a new connection. Where the new
   * handle has to wait for a lock or a file there is none, and the next try goes on from there.
   */
  reset(): ResetResult {
    if (this.#open) {
      this.#closeCursors();
      const rolledBack = !this.#connection.autocommit;
      if (rolledBack) this.#execute("ROLLBACK");
      if (!this.tainted) return { rolledBack, reopened: false };
      this.#old = { rolledBack, changed: this.#connection.takeChanged() };
      this.close();
    }
    const { rolledBack, changed } = this.#old;
    this.#connection = openConnection(this.#engine, this.#config);
    this.#open = true;
    this.tainted = false;
    if (changed !== undefined) this.#connection.noteChanged(changed);
    return { rolledBack, reopened: true };
  }

  close(): void {
    this.#open = false;
    this.#closeCursors();
    this.#cache.clear();
    this.#connection.close();
  }

  /** Puts the content of the file `source` in place of the database's. @throws StorageError */
  import(source: string): void {
    // Statements hold the database open for reading; a copy over it needs it to itself.
    this.#cache.clear();
    const before = this.#tableNames();
    importFile(this.#engine, this.#connection, source);
    this.#connection.noteChanged(before);
    this.#connection.noteChanged(this.#tableNames());
  }

  /** The tables that have been changed since the last call, by name. */
  takeChanged(): Tables | undefined {
    const changed = this.#connection.takeChanged();
    return changed === "any" ? this.#tableNames() : changed;
  }

  /** Whoever is told "any" can ask another connection: this one may be closed, or its file damaged. */
  #tableNames(): Tables {
    try {
      return tableNames(this.#connection);
    } catch {
      return "any";
    }
  }

  #closeCursors(): void {
    for (const number of [...this.#cursors.keys()]) this.closeCursor(number);
  }

  /** SQLite's own is 0, because the pool waits in its place: what answers is the pool's. */
  get #busyTimeout(): string {
    return `SELECT ${Math.min(Math.ceil(this.#config.busyTimeout), 2 ** 31 - 1)} AS timeout`;
  }

  #execute(sql: string): void {
    const statement = this.#checkOut(sql);
    this.#checkInAfter(statement, () => statement.run(undefined, "auto"));
  }

  /** The one statement of `sql`, which the caller checks in again. */
  #checkOut(sql: string): EngineStatement {
    const cached = this.#cache.checkOut(sql);
    if (cached !== undefined) return cached;
    const statement = this.#connection.prepare(
      ASKS_BUSY_TIMEOUT.test(sql) ? this.#busyTimeout : sql,
    );
    if (statement === undefined) {
      throw misuse("the SQL holds no statement", sql, -1);
    }
    if (this.#isBlank(statement.tail)) return statement;
    statement.finalize();
    const offset = new TextEncoder().encode(
      sql.slice(0, sql.length - statement.tail.length),
    ).length;
    throw misuse(
      "the SQL holds more than one statement; use executeScript, or batch, for several",
      sql,
      offset,
    );
  }

  #isBlank(tail: string): boolean {
    if (tail.trim() === "") return true;
    try {
      const next = this.#connection.prepare(tail);
      next?.finalize();
      return next === undefined;
    } catch {
      return false;
    }
  }

  /** A statement that failed is kept as well: `run` has reset it. */
  #checkInAfter<T>(statement: EngineStatement, body: () => T): T {
    try {
      return body();
    } finally {
      this.#cache.checkIn(statement);
    }
  }

  #admit(statement: EngineStatement, access: Access): void {
    if (statement.readonly) return;
    if (!access.readonly) {
      if (!access.permit) throw NEEDS_PERMIT;
      return;
    }
    throw new SqliteError("attempt to write a readonly database: this lease only reads", {
      code: "SQLITE_READONLY",
      resultCode: READONLY,
      sql: statement.sql,
    });
  }

  #rowsOf(statement: EngineStatement, params: WireParams, want: Want): unknown {
    const { integers } = this.#config;
    const collector = this.#collector;
    const many = want === "objects" || want === "arrays";
    statement.bind(positional(statement, params));
    this.tainted ||= statement.taints;
    collector.start(want, many ? Number.POSITIVE_INFINITY : 1);
    if (!statement.run(collector, integers)) {
      // A write has to run to its end; a read that has given its row need not.
      if (statement.readonly) statement.reset();
      else statement.run(undefined, integers);
    }
    this.rows += collector.rows;
    return collector.take();
  }

  #changesOf(statement: EngineStatement, params: WireParams): ChangesResult {
    const before = this.#connection.totalChanges;
    statement.bind(positional(statement, params));
    this.tainted ||= statement.taints;
    statement.run(undefined, this.#config.integers);
    return this.#changesSince(before, statement);
  }

  /** `sqlite3_changes` keeps its value over statements that change no rows. */
  #changesSince(totalBefore: number, { changesSchema }: EngineStatement): ChangesResult {
    const connection = this.#connection;
    const changedRows = connection.totalChanges !== totalBefore && !changesSchema;
    const changes = changedRows ? connection.changes : 0;
    return { changes, lastInsertRowid: this.#lastInsertRowid };
  }

  /** As rows have integers; but where one is too large for a number, the row is stored, and no error helps. */
  get #lastInsertRowid(): number | bigint {
    const { lastInsertRowid } = this.#connection;
    return this.#config.integers === "bigint" ? BigInt(lastInsertRowid) : lastInsertRowid;
  }

  #fetch(number: number, chunkRows: number): CursorResult {
    const cursor = this.#cursors.get(number);
    if (cursor === undefined) {
      throw new SqliteError("the cursor is closed: its transaction or lease has ended", {
        code: "SQLITE_ABORT",
        resultCode: ABORT,
      });
    }
    const collector = this.#collector;
    collector.start(cursor.want, chunkRows);
    let done = true;
    try {
      done = cursor.statement.run(collector, this.#config.integers);
    } finally {
      if (done) this.closeCursor(number);
    }
    this.rows += collector.rows;
    return { rows: collector.take() as CursorResult["rows"], done };
  }

  /**
   * All of `body` or nothing: in a transaction of its own, or in a savepoint of the open one. SQLite's
   * write lock is asked for only with the permit for it.
   */
  #atomically<T>({ permit }: Access, body: () => T): T {
    const outermost = permit ? WRITING : READING;
    const { begin, keep, undo } = this.#connection.autocommit ? outermost : SAVEPOINT;
    this.#execute(begin);
    try {
      const result = body();
      this.#execute(keep);
      return result;
    } catch (thrown) {
      this.#undo(undo);
      throw thrown;
    }
  }

  /** The error that led here is the one to report, not a second one of the way back. */
  #undo(statements: readonly string[]): void {
    try {
      for (const sql of statements) if (!this.#connection.autocommit) this.#execute(sql);
    } catch {
      // The transaction stays open; the pool sees that in the reply's `autocommit`.
    }
  }
}

/** Another try may succeed, once a lock, the write permit or a file is to be had. */
function hasToWait(thrown: unknown): boolean {
  if (thrown === NEEDS_PERMIT || unpreparedPath(thrown) !== undefined) return true;
  return thrown instanceof SqliteError && (thrown.resultCode & 0xff) === BUSY;
}

/** @throws SqliteError for what would end the transaction that everything is to be in */
function checkAtomic({ sql, controlsTransaction }: EngineStatement): void {
  if (!controlsTransaction) return;
  throw misuse("a batch is a transaction: BEGIN, COMMIT and ROLLBACK have no place in it", sql, -1);
}

function misuse(message: string, sql: string, offset: number): SqliteError {
  return new SqliteError(message, { code: "SQLITE_MISUSE", resultCode: MISUSE, sql, offset });
}

function givesWhatItWrites({ readonly, sql }: EngineStatement): boolean {
  return !readonly && RETURNING.test(sql);
}
