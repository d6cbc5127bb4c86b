// The pool: lends connections, counts, heals. Knows neither a platform nor SQLite.

import { ConnectionReleasedError, PoolError, StorageError } from "../errors.ts";
import type { Want } from "../rpc/protocol.ts";
import type {
  BindParams,
  Bytes,
  CheckpointMode,
  ExecuteResult,
  JournalMode,
  NamedParams,
  Row,
  SqlValue,
} from "../types.ts";
import type { Backend, Capabilities, Runtime } from "./backend.ts";
import { Borrowing, isTakenBack, signalOf } from "./borrowing.ts";
import { addCallSite } from "./call-site.ts";
import { Changes } from "./changes.ts";
import { type Connection, firstIn, type Result, rowsIn } from "./connection.ts";
import type { IterateOptions } from "./cursor.ts";
import { asyncDispose } from "./dispose.ts";
import { Emitter, type PoolEvents } from "./events.ts";
import { streamOf } from "./export-stream.ts";
import { chunksOf, type ImportSource, importDatabase } from "./import.ts";
import { closedError } from "./lease-pool.ts";
import { Lending } from "./lending.ts";
import { Links } from "./links.ts";
import {
  type AcquireOptions,
  type CloseOptions,
  checkAcquireOptions,
  checkBackupOptions,
  checkCloseOptions,
  checkMaxConnections,
  type PoolOptions,
  type QueryOptions,
  type ResolvedOptions,
  type RowsAsArrays,
  resolveOptions,
} from "./options.ts";
import { normalizeLists } from "./params.ts";
import type { PoolContext } from "./pool-context.ts";
import { beginSnapshot, endSnapshot, onSnapshot } from "./snapshot.ts";
import {
  type BatchStatement,
  type BatchStatements,
  mayWrite,
  type Sql,
  type Statement,
  statementNow,
  textAlone,
  toStatement,
  toStatements,
} from "./sql.ts";
import { StatementKinds } from "./statement-kinds.ts";
import { type ConnectionReport, PoolCounters, type PoolStats, statsOf } from "./stats.ts";
import { Suspension } from "./suspension.ts";
import type { TransactionOptions } from "./transaction.ts";
import {
  type BackupOptions,
  backup,
  type CheckpointResult,
  checkCheckpointMode,
  checkDestination,
  checkpoint,
  exportBytes,
  exportChunks,
} from "./whole.ts";
import { WriteQueue } from "./write-queue.ts";
import { WriterTurn } from "./writer-turn.ts";

/** Longest wait of `close` for what is out, in milliseconds. */
const DEFAULT_CLOSE_TIMEOUT_MS = 10_000;

/** A pool of connections to one database. Made by `openPool`. */
export class ConnectionPool implements AsyncDisposable {
  readonly #context: PoolContext;
  readonly #links: Links;
  readonly #lending: Lending;
  readonly #suspension: Suspension;
  readonly #turn: WriterTurn;
  readonly #borrowing: Borrowing;
  readonly #kinds = new StatementKinds();
  readonly #changes: Changes;
  readonly #stopListening: (() => void) | undefined;
  #journalMode: JournalMode;
  #closed: Promise<void> | undefined;

  /** @internal Opens a pool on the platform that `loadRuntime` gives. */
  static async openIn(
    loadRuntime: () => Promise<Runtime>,
    path: string,
    options: PoolOptions | undefined,
  ): Promise<ConnectionPool> {
    const resolved = resolveOptions(path, options);
    resolved.signal?.throwIfAborted();
    const runtime = await loadRuntime();
    const makeQueue = () => new WriteQueue();
    try {
      const backend = await runtime.openBackend(path, { ...resolved, makeQueue });
      return await ConnectionPool.open(backend, resolved);
    } catch (thrown) {
      if (thrown instanceof PoolError) addCallSite(thrown);
      throw thrown;
    }
  }

  /** @internal Opens the first connection, so that a bad path fails here. */
  static async open(backend: Backend, options: ResolvedOptions): Promise<ConnectionPool> {
    const pool = new ConnectionPool(backend, options);
    try {
      // However long a thread takes to start, nobody waits in a queue: only the signal ends this.
      const { signal } = options;
      const db = await pool.acquire({ timeout: Number.POSITIVE_INFINITY, signal });
      pool.#journalMode = (await db.queryValue<JournalMode>("PRAGMA journal_mode")) ?? "wal";
      await db.release();
      pool.#context.counters.reset();
      return pool;
    } catch (thrown) {
      await pool.close({ timeout: 0 });
      throw thrown;
    }
  }

  private constructor(backend: Backend, options: ResolvedOptions) {
    const kinds = this.#kinds;
    const events = new Emitter<PoolEvents>();
    const lender = {
      kindOf: (sql: string) => kinds.of(sql),
      learnWrites: (sql: string) => kinds.learnWrites(sql),
      isObserved: () => events.has("query"),
      count: (durationMs: number, rows: number, failed: boolean) =>
        this.#context.counters.count(durationMs, rows, failed),
      tell: (query: PoolEvents["query"]) => events.emit("query", query),
      release: (connection: Connection) => this.release(connection),
    };
    this.#context = { backend, options, counters: new PoolCounters(), events, lender };
    this.#journalMode = options.journalMode;
    this.#links = new Links(
      this.#context,
      () => this.#lending.pool.max,
      (link, error) => this.#lending.lost(link, error),
    );
    this.#lending = new Lending(this.#context, this.#links);
    this.#suspension = new Suspension(this.#lending, async () => {
      if (!backend.diesWithThread) await this.#links.closeThreads();
    });
    this.#turn = new WriterTurn(this.#context, this.#lending);
    this.#borrowing = new Borrowing(this.#context, this.#lending, this.#turn);
    this.#changes = new Changes(this.#context, this.#lending);
    this.#stopListening = backend.onOwner?.((change) => events.emit("owner", change));
  }

  /** Connections that are lent. */
  get activeCount(): number {
    return this.#lending.pool.outCount;
  }

  /** Connections that are open and not lent. */
  get idleCount(): number {
    return this.#lending.pool.idleCount;
  }

  /** Connections that are open. */
  get totalCount(): number {
    return this.#lending.pool.totalCount;
  }

  /** Who waits for a connection, or for the pool's turn to write. */
  get waitingCount(): number {
    return this.#lending.pool.waitingCount + this.#turn.waiting;
  }

  /** Most connections that may be open: the option, or less where the engine can have fewer. */
  get maxConnections(): number {
    return this.#lending.pool.max;
  }

  /** The option `name`, by default the path the pool was opened with. */
  get name(): string {
    return this.#context.options.name;
  }

  /** What this pool really has, here and now. */
  get capabilities(): Capabilities {
    const { backend } = this.#context;
    const { crossTab, durable, role, threads, mostConnections, fallbacks = [] } = backend;
    const { attachStored, fts5, dbpage, context } = backend;
    const wal = this.#journalMode === "wal" && mostConnections > 1;
    const severalConnections = this.maxConnections > 1;
    return {
      parallelReads: this.#links.isParallel && threads > 1 && severalConnections,
      severalConnections,
      crossTab,
      durable,
      wal,
      interrupt: this.#links.canInterrupt,
      attachStored,
      fts5,
      dbpage,
      asyncContext: context !== undefined,
      role,
      fallbacks,
    };
  }

  /** A snapshot of counts and times, as plain data. */
  stats(): PoolStats {
    const { backend, counters } = this.#context;
    return statsOf(counters, {
      name: this.name,
      storage: backend.storage,
      engine: backend.engine,
      threads: backend.threads === 0 ? 0 : this.#links.threads,
      journalMode: this.#journalMode,
      log: this.#journalMode === "wal" ? backend.log() : undefined,
      active: this.activeCount,
      idle: this.idleCount,
      total: this.totalCount,
      max: this.maxConnections,
      waiting: this.waitingCount,
      owner: backend.owner?.(),
    });
  }

  /** Every open connection, and what it does now, as plain data. */
  connections(): ConnectionReport[] {
    return this.#lending.report();
  }

  /** @internal For `sqlite-wasm-pool/testing`. */
  async crashThread(connection: number): Promise<void> {
    if (this.#context.backend.threads > 0) return this.#lending.terminateThreadOf(connection);
    throw new TypeError("SQLite runs in the calling thread: there is no other one to end");
  }

  /**
   * Calls `listener` on each event; returns the function that ends it. What a listener throws is reported as
   * an uncaught error.
   * @throws TypeError for a name no event has, a listener that is no function
   */
  on<Name extends keyof PoolEvents & string>(
    name: Name,
    listener: (event: PoolEvents[Name]) => void,
  ): () => void {
    return this.#context.events.on(name, listener);
  }

  // --- Borrowing ---

  /**
   * Borrows a connection until it is released. First come, first served.
   * @throws AcquireTimeoutError, PoolExhaustedError, PoolClosedError, the signal's reason, and
   *   what opening a connection throws
   */
  async acquire(options?: AcquireOptions): Promise<Connection> {
    return await this.#lending.acquire(options, false);
  }

  /**
   * Gives a connection back; a transaction that was left open is rolled back.
   * @throws ConnectionReleasedError, TypeError for a foreign one
   */
  async release(connection: Connection): Promise<void> {
    await this.#lending.release(connection);
  }

  /**
   * Lends a connection to `body` and takes it back, whatever becomes of it.
   * @throws TypeError where `body` is no function, what `body`, and what {@link acquire} throws
   */
  async withConnection<T>(
    body: (db: Connection) => T | Promise<T>,
    options?: AcquireOptions,
  ): Promise<Awaited<T>> {
    checkBody(body);
    return await this.#untilClosed(this.#borrowing.lend(options, false, body));
  }

  /**
   * Runs `body` on one snapshot of the database, on a connection that refuses to write.
   * Once `body` has ended the transaction by a COMMIT of its own, further statements of it are refused.
   * @throws what `body` throws, SqliteError (`SQLITE_READONLY`) for a statement that may write included; what
   *   {@link acquire} throws
   */
  async read<T>(
    body: (db: Connection) => T | Promise<T>,
    options?: AcquireOptions,
  ): Promise<Awaited<T>> {
    checkBody(body);
    const how = { readonly: true, inTurn: false };
    const reading = this.#borrowing.untilBegun(options, how, body, onSnapshot);
    return await this.#untilClosed(reading);
  }

  /**
   * Runs `body` as the one writer: committed when it resolves, rolled back when it throws. Where it is not
   * its turn within `busyTimeout`, or within the `timeout` of `options`, it is not called.
   * @throws what `body`, {@link acquire} and {@link Connection.transaction} throw, BusyError included
   */
  async write<T>(
    body: (db: Connection) => T | Promise<T>,
    options?: AcquireOptions,
  ): Promise<Awaited<T>> {
    checkBody(body);
    const how = { readonly: false, inTurn: true };
    const writing = this.#borrowing.untilBegun(options, how, body, (db, begin) =>
      db.transaction(begin, { mode: "immediate", signal: options?.signal }),
    );
    return await this.#untilClosed(writing);
  }

  /**
   * {@link Connection.transaction} on a connection borrowed for it, in turn with other writers unless it is
   * `"deferred"`. @throws as {@link write} does
   */
  async transaction<T>(
    body: (db: Connection) => T | Promise<T>,
    options?: TransactionOptions & AcquireOptions,
  ): Promise<Awaited<T>> {
    checkBody(body);
    const { mode, ...acquire } = options ?? {};
    const { signal } = acquire;
    const how = { readonly: false, inTurn: mode !== "deferred" };
    const running = this.#borrowing.untilBegun(acquire, how, body, (db, begin) =>
      db.transaction(begin, { mode, signal }),
    );
    return await this.#untilClosed(running);
  }

  /** {@link query} with rows as arrays, a value per column, two of one name included. */
  query<T = SqlValue[], P extends NamedParams<P> = BindParams>(
    sql: Sql,
    params: BindParams | P | undefined,
    options: QueryOptions & RowsAsArrays,
  ): Promise<T[]>;
  /** {@link Connection.query} on a connection borrowed for it; also throws what {@link acquire} does. */
  query<T = Row, P extends NamedParams<P> = BindParams>(
    sql: Sql,
    params?: BindParams | P,
    options?: QueryOptions,
  ): Promise<T[]>;
  query<T>(sql: Sql, params?: object, options?: QueryOptions): Promise<T[]> {
    return this.#run(sql, params, options, rowsIn(options)) as Promise<T[]>;
  }

  /** {@link queryFirst} with the row as an array. */
  queryFirst<T = SqlValue[], P extends NamedParams<P> = BindParams>(
    sql: Sql,
    params: BindParams | P | undefined,
    options: QueryOptions & RowsAsArrays,
  ): Promise<T | undefined>;
  /** {@link Connection.queryFirst} on a connection borrowed for it; throws as {@link query} does. */
  queryFirst<T = Row, P extends NamedParams<P> = BindParams>(
    sql: Sql,
    params?: BindParams | P,
    options?: QueryOptions,
  ): Promise<T | undefined>;
  queryFirst<T>(sql: Sql, params?: object, options?: QueryOptions): Promise<T | undefined> {
    return this.#run(sql, params, options, firstIn(options)) as Promise<T | undefined>;
  }

  /** {@link Connection.queryValue} on a connection borrowed for it; throws as {@link query} does. */
  queryValue<T = SqlValue, P extends NamedParams<P> = BindParams>(
    sql: Sql,
    params?: BindParams | P,
    options?: QueryOptions,
  ): Promise<T | undefined> {
    return this.#run(sql, params, options, "value") as Promise<T | undefined>;
  }

  /** {@link Connection.execute} on a connection borrowed for it; throws as {@link query} does. */
  execute<P extends NamedParams<P> = BindParams>(
    sql: Sql,
    params?: BindParams | P,
    options?: QueryOptions,
  ): Promise<ExecuteResult> {
    return this.#run(sql, params, options, "changes") as Promise<ExecuteResult>;
  }

  /** {@link Connection.executeMany} on a connection borrowed for it; throws as {@link query} does. */
  async executeMany<P extends NamedParams<P> = BindParams>(
    sql: Sql,
    paramsList: readonly (BindParams | P)[],
    options?: QueryOptions,
  ): Promise<{ changes: number }> {
    const text = textAlone(sql);
    const lists = normalizeLists(paramsList);
    const writes = this.#kinds.writes(text);
    return await this.#borrowing.once(writes, options, (db) => db.runMany(text, lists, options));
  }

  /** {@link Connection.executeScript} on a connection borrowed for it; throws as {@link query} does. */
  async executeScript(sql: string, options?: QueryOptions): Promise<void> {
    const run = (db: Connection) => db.executeScript(sql, options);
    const inTurn = typeof sql !== "string" || mayWrite(sql);
    const running = inTurn
      ? this.#borrowing.inTurn(signalOf(options), run)
      : this.#borrowing.lend(signalOf(options), false, run);
    await this.#untilClosed(running);
  }

  /** {@link Connection.batch} on a connection borrowed for it; throws as {@link query} does. */
  async batch<T = Row, S extends BatchStatements<S> = readonly BatchStatement[]>(
    statements: readonly BatchStatement[] | S,
    options?: QueryOptions,
  ): Promise<Result<T>[]> {
    const list = toStatements(statements);
    const writes = list.some(({ sql }) => this.#kinds.writes(sql));
    const results = await this.#borrowing.once(writes, options, (db) => db.runBatch(list, options));
    return results as unknown as Result<T>[];
  }

  /** {@link iterate} with rows as arrays. */
  iterate<T = SqlValue[], P extends NamedParams<P> = BindParams>(
    sql: Sql,
    params: BindParams | P | undefined,
    options: IterateOptions & RowsAsArrays,
  ): AsyncGenerator<T, void, undefined>;
  /**
   * {@link Connection.iterate} on a connection borrowed until the loop ends. The loop throws as {@link query}
   * does, and PoolClosedError where the pool is closed before its end.
   */
  iterate<T = Row, P extends NamedParams<P> = BindParams>(
    sql: Sql,
    params?: BindParams | P,
    options?: IterateOptions,
  ): AsyncGenerator<T, void, undefined>;
  iterate<T>(
    sql: Sql,
    params?: object,
    options?: IterateOptions,
  ): AsyncGenerator<T, void, undefined> {
    return this.#iterate<T>(statementNow(sql, params), options);
  }

  async *#iterate<T>(
    checked: () => Statement,
    options: IterateOptions | undefined,
  ): AsyncGenerator<T, void, undefined> {
    // Whoever gives wrong parameters need not wait to hear of it.
    checked();
    const db = await this.#lending.acquire(signalOf(options), false);
    try {
      yield* db.iterateOver<T>(checked, options);
    } catch (thrown) {
      throw this.#orClosed(thrown);
    } finally {
      await this.#lending.giveBack(db);
    }
  }

  /** {@link watch} with rows as arrays. */
  watch<T = SqlValue[], P extends NamedParams<P> = BindParams>(
    sql: Sql,
    params: BindParams | P | undefined,
    options: QueryOptions & RowsAsArrays,
  ): AsyncIterableIterator<T[]>;
  /**
   * The rows of a statement that reads: at once, and again after every commit that changed one of the
   * tables they come from, whichever connection or pool made it. Commits that come while the loop is
   * busy are answered by one reading, begun after the last of them: what comes last is never stale. A
   * connection is borrowed for each reading, and for no longer; `options` are those of each reading.
   *
   * The loop ends with `break`, when the signal of `options` is aborted (it throws the reason then), and
   * quietly when the pool is closed. Throws as {@link Connection.query} does; SQLITE_READONLY for a
   * statement that may write, a TypeError for one that yields no rows.
   */
  watch<T = Row, P extends NamedParams<P> = BindParams>(
    sql: Sql,
    params?: BindParams | P,
    options?: QueryOptions,
  ): AsyncIterableIterator<T[]>;
  watch<T>(sql: Sql, params?: object, options?: QueryOptions): AsyncIterableIterator<T[]> {
    return this.#changes.watch<T>(sql, params, options);
  }

  // --- The whole database ---

  /**
   * A consistent copy of the database; readers and the writer go on meanwhile. Statements of its own read it,
   * which the events `query` and `stats().queries` count like any other.
   * @throws SqliteError, StorageError, WorkerCrashedError, PoolClosedError, the signal's reason, and what
   *   {@link acquire} throws; RangeError where there is no memory for so many bytes
   */
  async export(options?: { readonly signal?: AbortSignal | undefined }): Promise<Bytes> {
    if (options !== undefined) checkAcquireOptions(options);
    const { temporaryPath } = this.#context.backend;
    try {
      return await this.read((db) => exportBytes(db, temporaryPath, options?.signal), options);
    } catch (thrown) {
      throw this.#orClosed(thrown);
    }
  }

  /**
   * The same copy as a stream, for a database that is too large to be held in memory. It keeps a
   * connection and a snapshot until it has been read to its end or is cancelled. What {@link export} throws is
   * the error of the stream.
   * @throws TypeError for an option that is unknown or wrong
   */
  exportStream(options?: { readonly signal?: AbortSignal | undefined }): ReadableStream<Bytes> {
    if (options !== undefined) checkAcquireOptions(options);
    return streamOf(this.#exportChunks(options), options?.signal);
  }

  async *#exportChunks(
    options: { readonly signal?: AbortSignal | undefined } = {},
  ): AsyncGenerator<Bytes, void, undefined> {
    const db = await this.#lending.acquire(options, true);
    try {
      await beginSnapshot(db);
      yield* exportChunks(db, this.#context.backend.temporaryPath, options.signal);
    } catch (thrown) {
      throw this.#orClosed(thrown);
    } finally {
      await endSnapshot(db);
      await this.#lending.giveBack(db);
    }
  }

  /**
   * Replaces the content of the database, in one transaction, by that of another. A stream is read to
   * its end before the write lock is asked for; one that is not read to its end is cancelled.
   * @throws StorageError (`corrupt` when that is no sound database, `quota` when there is no room for it),
   *   BusyError, TypeError for a source that is none, WorkerCrashedError, the signal's reason, what the stream
   *   and what {@link acquire} throws; nothing is changed then
   */
  async import(
    source: ImportSource,
    options?: { readonly signal?: AbortSignal | undefined },
  ): Promise<void> {
    if (options !== undefined) checkAcquireOptions(options);
    this.#checkWritable();
    const chunks = chunksOf(source);
    const path = this.#context.backend.temporaryPath();
    try {
      this.#turn.checkNested();
      await this.withConnection((db) => importDatabase(db, chunks, path, options?.signal), options);
    } catch (thrown) {
      chunks.cancel(thrown);
      if (thrown instanceof PoolError) addCallSite(thrown);
      throw this.#orClosed(thrown);
    }
  }

  #checkWritable(): void {
    if (!this.#context.options.readonly) return;
    throw new StorageError("permission", `the pool "${this.name}" only reads its database`);
  }

  /** A caller whose connection `close` has taken back hears that the pool is closed, not that it used it too late. */
  async #untilClosed<T>(call: Promise<T>): Promise<T> {
    try {
      return await call;
    } catch (thrown) {
      if (!(thrown instanceof ConnectionReleasedError) || this.#closed === undefined) throw thrown;
      throw closedError(this.name);
    }
  }

  /** What failed, to one who never saw the connection that `close` has interrupted and taken back. */
  #orClosed(thrown: unknown): unknown {
    return this.#closed !== undefined && isTakenBack(thrown) ? closedError(this.name) : thrown;
  }

  /**
   * Copies the database to another file, page by page, from one snapshot. What is there is replaced, in
   * one transaction.
   * @throws StorageError: `locked` when the destination is open, be it as this pool's own database;
   *   TypeError, RangeError for a destination or an option that is none; SqliteError, WorkerCrashedError,
   *   PoolClosedError, the signal's reason, what `onProgress` and what {@link acquire} throws
   */
  async backup(destination: string, options?: BackupOptions): Promise<void> {
    checkDestination(destination);
    if (options !== undefined) checkBackupOptions(options);
    const copying = this.#borrowing.lend(signalOf(options), false, (db) =>
      backup(db.link, destination, options),
    );
    await this.#untilClosed(copying);
  }

  /**
   * Moves the log into the database. Waits for its turn to write, as SQLite needs it to, and in all
   * modes but `"passive"` up to `busyTimeout` for readers of older snapshots; `busy` says that they
   * were in the way to the end.
   * @throws TypeError for a mode SQLite does not have; what {@link write} throws
   */
  async checkpoint(mode: CheckpointMode = "passive"): Promise<CheckpointResult> {
    checkCheckpointMode(mode);
    const { backend, options } = this.#context;
    const wait = { timeoutMs: options.busyTimeout, lockReleased: backend.lockReleased };
    const moving = this.#borrowing.inTurn(undefined, (db) => checkpoint(db, mode, wait));
    return await this.#untilClosed(moving);
  }

  /**
   * Closes the pool, then deletes the database with its `-wal` and `-journal`.
   * @throws StorageError: `locked` while another pool has it open, `permission` on a readonly pool;
   *   PoolClosedError
   */
  async deleteDatabase(): Promise<void> {
    if (this.#closed !== undefined) throw closedError(this.name);
    const { backend } = this.#context;
    this.#checkWritable();
    backend.checkDeletable?.();
    let deleted: Promise<void> | undefined;
    this.#closed = this.#close(DEFAULT_CLOSE_TIMEOUT_MS, async () => {
      deleted = backend.deleteFiles();
      // The pool is closed, whatever becomes of the files.
      await deleted.catch(() => {});
    });
    await this.#closed;
    await deleted;
  }

  // --- Life cycle ---

  /**
   * Sets how many connections may be open; those too many are closed as they come back.
   * @throws TypeError, RangeError for what is no integer of at least 1
   */
  resize(maxConnections: number): void {
    checkMaxConnections(maxConnections);
    this.#lending.resize(maxConnections);
  }

  /** Closes idle connections beyond the first. */
  evictIdle(): void {
    this.#lending.pool.evict(() => true, "evicted");
  }

  /**
   * Lends nothing more, waits for what is out, and lets go of every connection and thread, but for one
   * that alone has a database in memory. What is still out after 10 s is interrupted and taken back. Whoever
   * asks for a connection waits for `resume`. The database stays owned by this process; in a browser another tab
   * may take it over.
   * @throws PoolClosedError
   */
  async suspend(): Promise<void> {
    if (this.#closed !== undefined) throw closedError(this.name);
    await this.#suspension.suspend(DEFAULT_CLOSE_TIMEOUT_MS);
  }

  /** Lends again. A `suspend` that still waits for borrowers then ends, and lets go of nothing. */
  async resume(): Promise<void> {
    await this.#suspension.resume();
  }

  /**
   * Refuses new borrowers, waits for those there are, at most `timeout` ms (default 10,000), then
   * interrupts them and takes their connections back. Idempotent: a further call gives the same promise, and may
   * make the wait shorter.
   * @throws TypeError, RangeError for a timeout that is none; the pool then stays open
   */
  close(options?: CloseOptions): Promise<void> {
    try {
      if (options !== undefined) checkCloseOptions(options);
    } catch (thrown) {
      return Promise.reject(thrown);
    }
    const { timeout } = options ?? {};
    if (this.#closed === undefined) this.#closed = this.#close(timeout ?? DEFAULT_CLOSE_TIMEOUT_MS);
    else if (timeout !== undefined) this.#lending.closeWithin(timeout);
    return this.#closed;
  }

  [asyncDispose](): Promise<void> {
    return this.close();
  }

  /** Calls `whenClosed` while the database is still this pool's. */
  async #close(timeoutMs: number, whenClosed?: () => Promise<void>): Promise<void> {
    const { backend } = this.#context;
    this.#changes.endWatches();
    this.#turn.refuse(() => closedError(this.name));
    try {
      await this.#lending.close(timeoutMs, () => closedError(this.name));
      await this.#links.closeThreads();
      await whenClosed?.();
    } finally {
      this.#changes.stop();
      this.#stopListening?.();
      await backend.dispose();
    }
  }

  async #run(
    sql: Sql,
    params: object | undefined,
    options: QueryOptions | undefined,
    want: Want,
  ): Promise<unknown> {
    const statement = toStatement(sql, params);
    return await this.#borrowing.once(this.#kinds.writes(statement.sql), options, (db) =>
      db.run(statement, options, want),
    );
  }
}

function checkBody(body: unknown): void {
  if (typeof body !== "function")
    throw new TypeError("expected a function that takes a connection");
}
