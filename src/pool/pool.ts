// The pool: lends connections, counts, heals. Knows neither a platform nor SQLite.

import {
  AcquireTimeoutError,
  ConnectionReleasedError,
  PoolClosedError,
  PoolExhaustedError,
  type WorkerCrashedError,
} from "../errors.ts";
import type { Port } from "../rpc/port.ts";
import type { ResetResult } from "../rpc/protocol.ts";
import type {
  BindParams,
  BindValue,
  CheckpointMode,
  ExecuteResult,
  JournalMode,
  Row,
} from "../types.ts";
import type { Backend, Capabilities } from "./backend.ts";
import {
  type BatchStatement,
  Connection,
  type Lender,
  type Result,
  type Sql,
} from "./connection.ts";
import type { IterateOptions } from "./cursor.ts";
import { armLimits, unref } from "./deadline.ts";
import { Emitter, type PoolEvents } from "./events.ts";
import {
  describeLeases,
  type Lease,
  reportLeases,
  type Scope,
  scopesOf,
  watchForLeak,
} from "./lease.ts";
import { closedError, LeasePool } from "./lease-pool.ts";
import { Link } from "./link.ts";
import {
  type AcquireOptions,
  checkAcquireOptions,
  checkMaxConnections,
  type QueryOptions,
  type ResolvedOptions,
} from "./options.ts";
import { Semaphore } from "./semaphore.ts";
import { guessWrites, onlyReads, textOf } from "./sql.ts";
import { PoolCounters, type PoolStats, snapshot } from "./stats.ts";
import { Threads } from "./threads.ts";
import type { TransactionOptions } from "./transaction.ts";
import {
  type BackupOptions,
  backup,
  type CheckpointResult,
  checkCheckpointMode,
  checkpoint,
  exportBytes,
  importDatabase,
} from "./whole.ts";

/** Longest wait of `close` for what is out, in milliseconds. */
const DEFAULT_CLOSE_TIMEOUT_MS = 10_000;
/** How long what was interrupted may take to end before its thread is ended. */
const INTERRUPT_GRACE_MS = 1_000;
/** Statements whose nature is remembered. */
const MOST_KNOWN = 1_000;
/** SQLite fixes a snapshot at the first read, and not at BEGIN. */
const FIRST_READ = "SELECT 1 FROM sqlite_schema LIMIT 1";

/** A pool of connections to one database. Made by `openPool`. */
export class ConnectionPool {
  readonly #backend: Backend;
  readonly #options: ResolvedOptions;
  readonly #pool: LeasePool<Link>;
  readonly #threads: Threads;
  readonly #counters = new PoolCounters();
  readonly #events = new Emitter<PoolEvents>();
  readonly #leases = new Map<Link, Lease>();
  readonly #lender: Lender;
  /** One turn to write per pool: further writers wait here and not on a connection each. */
  readonly #writerTurn = new Semaphore(1);
  readonly #knownWrites = new Map<string, boolean>();
  readonly #knownReads = new Map<string, boolean>();
  readonly #closing = new Set<Promise<void>>();
  #journalMode: JournalMode;
  #idleTimer: ReturnType<typeof setTimeout> | undefined;
  #closed: Promise<void> | undefined;

  /** @internal Opens the first connection, so that a bad path fails here. */
  static async open(backend: Backend, options: ResolvedOptions): Promise<ConnectionPool> {
    const pool = new ConnectionPool(backend, options);
    try {
      // However long a thread takes to start, nobody waits in a queue: only the signal ends this.
      const { signal } = options;
      const db = await pool.acquire({ timeout: Number.POSITIVE_INFINITY, signal });
      pool.#journalMode = (await db.queryValue<JournalMode>("PRAGMA journal_mode")) ?? "wal";
      await db.release();
      pool.#counters.reset();
      return pool;
    } catch (thrown) {
      await pool.close({ timeout: 0 });
      throw thrown;
    }
  }

  private constructor(backend: Backend, options: ResolvedOptions) {
    this.#backend = backend;
    this.#options = options;
    this.#journalMode = options.journalMode;
    this.#threads = new Threads(
      Math.min(backend.threads, options.maxConnections),
      backend.openThread,
      (links, error) => this.#onCrash(links, error),
    );
    this.#pool = new LeasePool<Link>(options.maxConnections, {
      open: () => this.#openLink(),
      close: (link, reason) => this.#closeLink(link, reason),
      timedOut: (waitedMs) => this.#timedOut(waitedMs),
      refuse: (waiting) => this.#refuse(waiting),
      onWait: (waiting) => this.#events.emit("wait", { waiting }),
    });
    this.#lender = {
      guessWrites: (sql) => this.#writes(sql),
      onlyReads: (sql) => this.#onlyReads(sql),
      learnWrites: (sql) => this.#learn(sql, true),
      onQuery: (query) => this.#onQuery(query),
      release: (connection) => this.release(connection),
    };
  }

  /** Connections that are out. */
  get activeCount(): number {
    return this.#pool.outCount;
  }

  get idleCount(): number {
    return this.#pool.idleCount;
  }

  get totalCount(): number {
    return this.#pool.totalCount;
  }

  /** Who waits for a connection, or for the pool's turn to write. */
  get waitingCount(): number {
    return this.#pool.waitingCount + this.#writerTurn.waiting;
  }

  get maxConnections(): number {
    return this.#pool.max;
  }

  get name(): string {
    return this.#options.name;
  }

  /** What this pool really has, here and now. */
  get capabilities(): Capabilities {
    const { crossTab, durable, role } = this.#backend;
    const wal = this.#journalMode === "wal";
    const several = this.#backend.threads > 1 && this.#pool.max > 1;
    return {
      parallelReads: this.#threads.isParallel && several,
      crossTab,
      durable,
      wal,
      interrupt: this.#threads.canInterrupt,
      role,
    };
  }

  /** A snapshot of counts and times, as plain data. */
  stats(): PoolStats {
    return snapshot(this.#counters, {
      name: this.#options.name,
      storage: this.#backend.storage,
      engine: this.#backend.engine,
      threads: this.#backend.threads === 0 ? 0 : this.#threads.size,
      journalMode: this.#journalMode,
      active: this.activeCount,
      idle: this.idleCount,
      total: this.totalCount,
      max: this.maxConnections,
      waiting: this.waitingCount,
    });
  }

  /** Calls `listener` on each event; returns the function that ends it. */
  on<Name extends keyof PoolEvents & string>(
    name: Name,
    listener: (event: PoolEvents[Name]) => void,
  ): () => void {
    return this.#events.on(name, listener);
  }

  // --- Borrowing ---

  /**
   * Borrows a connection until it is released. First come, first served.
   * @throws AcquireTimeoutError, PoolExhaustedError, PoolClosedError, the signal's reason, and
   *   what opening a connection throws
   */
  async acquire(options?: AcquireOptions): Promise<Connection> {
    return this.#lease(options, false);
  }

  /** Gives a connection back. @throws ConnectionReleasedError, TypeError for a foreign one */
  async release(connection: Connection): Promise<void> {
    await this.#release(connection);
  }

  /** Gives a promise only where the connection has to be cleaned first. */
  #release(connection: Connection): Promise<void> | undefined {
    if (!(connection instanceof Connection)) {
      throw new TypeError("release takes a connection that this pool lent");
    }
    const { link } = connection;
    const lease = this.#leases.get(link);
    if (lease?.connection !== connection) {
      if (connection.isReleased) {
        throw new ConnectionReleasedError(`connection ${connection.id} was released before`);
      }
      throw new TypeError("the connection was lent by another pool");
    }
    connection.end();
    this.#leases.delete(link);
    lease.settle();
    const heldMs = performance.now() - lease.since;
    this.#counters.released++;
    this.#counters.held.record(heldMs);
    if (!link.isClean || link.isBusy) return this.#clean(link).then(() => this.#end(link, heldMs));
    this.#end(link, heldMs);
    return undefined;
  }

  #end(link: Link, heldMs: number): void {
    this.#takeBack(link);
    if (this.#events.has("release")) this.#events.emit("release", { connection: link.id, heldMs });
  }

  /** Lends a connection to `body` and takes it back, whatever becomes of it. */
  async withConnection<T>(
    body: (db: Connection) => T | Promise<T>,
    options?: AcquireOptions,
  ): Promise<Awaited<T>> {
    checkBody(body);
    const db = await this.#lease(options, false);
    return this.#scoped(db, false, () => body(db));
  }

  /** Runs `body` on one snapshot of the database, on a connection that refuses to write. */
  async read<T>(
    body: (db: Connection) => T | Promise<T>,
    options?: AcquireOptions,
  ): Promise<Awaited<T>> {
    checkBody(body);
    const db = await this.#lease(options, true);
    return this.#scoped(db, false, async () => {
      await db.execute("BEGIN");
      await db.execute(FIRST_READ);
      const result = await body(db);
      if (db.isOpen && db.inTransaction) await db.execute("COMMIT");
      return result;
    });
  }

  /** Runs `body` as the one writer: committed when it resolves, rolled back when it throws. */
  async write<T>(
    body: (db: Connection) => T | Promise<T>,
    options?: AcquireOptions,
  ): Promise<Awaited<T>> {
    checkBody(body);
    return this.#inTurn(options, (db) => db.transaction(body, { mode: "immediate" }));
  }

  /** {@link Connection.transaction} on a connection borrowed for it. */
  async transaction<T>(
    body: (db: Connection) => T | Promise<T>,
    options?: TransactionOptions & AcquireOptions,
  ): Promise<Awaited<T>> {
    checkBody(body);
    const { mode, ...acquire } = options ?? {};
    const run = (db: Connection) => db.transaction(body, mode === undefined ? {} : { mode });
    if (mode === "deferred" || this.#options.readonly) return this.withConnection(run, acquire);
    return this.#inTurn(acquire, run);
  }

  /** {@link Connection.query} on a connection borrowed for it. */
  async query<T = Row>(sql: Sql, params?: BindParams, options?: QueryOptions): Promise<T[]> {
    return this.#once(this.#writes(textOf(sql)), options, (db) =>
      db.query<T>(sql, params, options),
    );
  }

  /** {@link Connection.queryFirst} on a connection borrowed for it. */
  async queryFirst<T = Row>(
    sql: Sql,
    params?: BindParams,
    options?: QueryOptions,
  ): Promise<T | undefined> {
    return this.#once(this.#writes(textOf(sql)), options, (db) =>
      db.queryFirst<T>(sql, params, options),
    );
  }

  /** {@link Connection.queryValue} on a connection borrowed for it. */
  async queryValue<T = BindValue>(
    sql: Sql,
    params?: BindParams,
    options?: QueryOptions,
  ): Promise<T | undefined> {
    return this.#once(this.#writes(textOf(sql)), options, (db) =>
      db.queryValue<T>(sql, params, options),
    );
  }

  /** {@link Connection.execute} on a connection borrowed for it. */
  async execute(sql: Sql, params?: BindParams, options?: QueryOptions): Promise<ExecuteResult> {
    return this.#once(this.#writes(textOf(sql)), options, (db) => db.execute(sql, params, options));
  }

  /** {@link Connection.executeMany} on a connection borrowed for it. */
  async executeMany(
    sql: Sql,
    paramsList: readonly BindParams[],
    options?: QueryOptions,
  ): Promise<{ changes: number }> {
    const writes = this.#writes(textOf(sql));
    return this.#once(writes, options, (db) => db.executeMany(sql, paramsList, options));
  }

  /** {@link Connection.executeScript} on a connection borrowed for it. */
  async executeScript(sql: string, options?: QueryOptions): Promise<void> {
    // Its first word says nothing of the rest.
    return this.#inTurn(signalOf(options), (db) => db.executeScript(sql, options));
  }

  /** {@link Connection.batch} on a connection borrowed for it. */
  async batch<T = Row>(
    statements: readonly BatchStatement[],
    options?: QueryOptions,
  ): Promise<Result<T>[]> {
    const list = Array.isArray(statements) ? statements : [];
    const writes = list.some(({ sql }) => this.#writes(textOf(sql)));
    return this.#once(writes, options, (db) => db.batch<T>(statements, options));
  }

  /** {@link Connection.iterate} on a connection borrowed until the loop ends. */
  async *iterate<T = Row>(
    sql: Sql,
    params?: BindParams,
    options?: IterateOptions,
  ): AsyncGenerator<T, void, undefined> {
    const db = await this.#lease(signalOf(options), false);
    try {
      yield* db.iterate<T>(sql, params, options);
    } finally {
      await this.#giveBack(db);
    }
  }

  // --- The whole database ---

  /** A consistent copy of the database; readers and the writer go on meanwhile. */
  export(options?: { readonly signal?: AbortSignal }): Promise<Uint8Array> {
    return this.read((db) => exportBytes(db, options?.signal), options);
  }

  /**
   * Replaces the content of the database, in one transaction, by that of another.
   * @throws StorageError (`corrupt`) when that is no sound database; nothing is changed then
   */
  async import(
    source: Uint8Array | ArrayBuffer | ReadableStream<Uint8Array>,
    options?: { readonly signal?: AbortSignal },
  ): Promise<void> {
    await this.#inTurn(options, (db) =>
      importDatabase(db.link, source, this.#backend.temporaryPath(), options?.signal),
    );
  }

  /** Copies the database to another file, page by page, from one snapshot. */
  async backup(destination: string, options?: BackupOptions): Promise<void> {
    if (typeof destination !== "string" || destination === "" || destination.includes("\0")) {
      throw new TypeError("the destination of a backup is a path, not empty and without NUL");
    }
    await this.withConnection((db) => backup(db.link, destination, options), signalOf(options));
  }

  /**
   * Moves the log into the database. Waits for its turn to write, as SQLite needs it to, and in all
   * modes but `"passive"` up to `busyTimeout` for readers of older snapshots; `busy` says that they
   * were in the way to the end.
   */
  async checkpoint(mode: CheckpointMode = "passive"): Promise<CheckpointResult> {
    checkCheckpointMode(mode);
    const { lockReleased } = this.#backend;
    const wait = { timeoutMs: this.#options.busyTimeout, lockReleased };
    return this.#inTurn(undefined, (db) => checkpoint(db, mode, wait));
  }

  /** Closes the pool, then deletes the database with its `-wal` and `-journal`. */
  deleteDatabase(): Promise<void> {
    if (this.#closed !== undefined) {
      return Promise.reject(closedError(this.#options.name));
    }
    this.#closed = this.#close(DEFAULT_CLOSE_TIMEOUT_MS, true);
    return this.#closed;
  }

  // --- Life cycle ---

  /** Sets how many connections may be open; those too many are closed as they come back. */
  resize(maxConnections: number): void {
    checkMaxConnections(maxConnections);
    this.#pool.resize(maxConnections);
  }

  /** Closes idle connections beyond the first. */
  evictIdle(): void {
    this.#pool.evict(() => true, "evicted");
  }

  /**
   * Lends nothing more, waits for what is out, and lets go of every connection and thread. Who
   * asks for a connection waits for `resume`. The database stays owned by this process.
   */
  async suspend(): Promise<void> {
    if (this.#closed !== undefined) throw closedError(this.#options.name);
    this.#pool.pause();
    await this.#drain(DEFAULT_CLOSE_TIMEOUT_MS);
    this.#pool.shut(undefined);
    await Promise.all(this.#closing);
    await this.#threads.close();
  }

  async resume(): Promise<void> {
    this.#pool.resume();
  }

  /**
   * Refuses new borrowers, waits for those there are, at most `timeout` ms (default 10,000), then
   * interrupts them and takes their connections back. Idempotent.
   */
  close(options?: { readonly timeout?: number }): Promise<void> {
    this.#closed ??= this.#close(options?.timeout ?? DEFAULT_CLOSE_TIMEOUT_MS, false);
    return this.#closed;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async #close(timeoutMs: number, deleteFiles: boolean): Promise<void> {
    clearTimeout(this.#idleTimer);
    this.#pool.shut(closedError(this.#options.name));
    try {
      await this.#drain(timeoutMs);
      await Promise.all(this.#closing);
      await this.#threads.close();
      if (deleteFiles) await this.#backend.deleteFiles();
    } finally {
      await this.#backend.dispose();
    }
  }

  /** Waits for what is out; then interrupts it, and in the end ends the threads it runs in. */
  async #drain(timeoutMs: number): Promise<void> {
    if (await this.#emptyWithin(timeoutMs)) return;
    for (const { link, connection } of [...this.#leases.values()]) {
      link.interrupt();
      void this.release(connection);
    }
    if (await this.#emptyWithin(INTERRUPT_GRACE_MS)) return;
    await this.#threads.terminate();
    await this.#pool.whenEmpty();
  }

  #emptyWithin(timeoutMs: number): Promise<boolean> {
    return new Promise((resolve) => {
      const disarm = armLimits(
        { timeoutMs },
        () => resolve(false),
        () => {},
      );
      void this.#pool.whenEmpty().then(() => {
        disarm();
        resolve(true);
      });
    });
  }

  // --- Leases ---

  /** A lease, at once where a connection is idle. */
  #lease(options: AcquireOptions | undefined, readonly: boolean): Connection | Promise<Connection> {
    if (options !== undefined) checkAcquireOptions(options);
    const link = options?.signal?.aborted ? undefined : this.#pool.tryAcquire();
    return link === undefined ? this.#leaseLater(options, readonly) : this.#lend(link, readonly, 0);
  }

  async #leaseLater(options: AcquireOptions | undefined, readonly: boolean): Promise<Connection> {
    const started = performance.now();
    const link = await this.#wait(options);
    return this.#lend(link, readonly, performance.now() - started);
  }

  #lend(link: Link, readonly: boolean, waitMs: number): Connection {
    const connection = new Connection(link, this.#lender, readonly || this.#options.readonly);
    this.#leases.set(link, this.#newLease(connection, link));
    this.#counters.acquired++;
    this.#counters.acquireWait.record(waitMs);
    if (this.#events.has("acquire")) {
      this.#events.emit("acquire", { connection: link.id, waitMs });
    }
    return connection;
  }

  async #wait(options: AcquireOptions | undefined): Promise<Link> {
    this.#refuseNested();
    const { signal } = options ?? {};
    const timeoutMs = options?.timeout ?? this.#options.acquireTimeout;
    try {
      return await this.#pool.acquire({ timeoutMs, signal });
    } catch (thrown) {
      if (signal?.aborted && thrown === signal.reason) this.#counters.aborted++;
      throw thrown;
    }
  }

  /** What is out is all held by the very calls that this one is made from: nothing can come back. */
  #refuseNested(): void {
    const { context } = this.#backend;
    if (context === undefined || !this.#pool.isExhausted) return;
    const own = new Set<Link>();
    for (const { connection } of scopesOf(context.get(), this)) own.add(connection.link);
    if (own.size === 0) return;
    for (const link of this.#pool.out) if (!own.has(link)) return;
    this.#counters.rejected++;
    throw this.#nested("every connection is held by the calls around this one");
  }

  #nested(why: string): AcquireTimeoutError {
    const leases = reportLeases(this.#leases.values());
    return new AcquireTimeoutError(
      `pool "${this.#options.name}" would wait for ever: ${why}; use the connection you were given, or raise maxConnections (${describeLeases(leases)})`,
      { reason: "nested", leases },
    );
  }

  #newLease(connection: Connection, link: Link): Lease {
    const { leakThreshold } = this.#options;
    const since = performance.now();
    if (leakThreshold === 0) return { connection, link, since, stack: undefined, settle() {} };
    const { stack } = new Error("acquired here");
    const settle = watchForLeak(leakThreshold, () => {
      this.#counters.leaked++;
      const heldMs = performance.now() - since;
      const report = { connection: link.id, heldMs, stack: stack ?? "", sql: link.runningSql };
      this.#events.emit("leak", report);
    });
    return { connection, link, since, stack, settle };
  }

  /** Runs `body` where nested acquires can see whose lease it runs on, and releases the lease. */
  async #scoped<T>(
    db: Connection,
    writes: boolean,
    body: () => T | Promise<T>,
  ): Promise<Awaited<T>> {
    const { context } = this.#backend;
    try {
      if (context === undefined) return await body();
      const outer = context.get() as Scope | undefined;
      return await context.run({ pool: this, connection: db, writes, outer } satisfies Scope, body);
    } finally {
      await this.#giveBack(db);
    }
  }

  /** Releases a lease, unless its borrower or `close` has done so. */
  async #giveBack(db: Connection): Promise<void> {
    if (!db.isReleased) await this.#release(db);
  }

  /** Runs `body` on a connection when it is this pool's caller's turn to write. */
  async #inTurn<T>(
    options: AcquireOptions | undefined,
    body: (db: Connection) => Promise<T>,
  ): Promise<Awaited<T>> {
    if (this.#options.readonly) return this.withConnection(body, options);
    for (const { writes } of scopesOf(this.#backend.context?.get(), this)) {
      if (writes) throw this.#nested("the write lock is held by the call around this one");
    }
    if (this.#closed !== undefined) throw closedError(this.#options.name);
    await this.#awaitTurn(options);
    try {
      const db = await this.#lease(options, false);
      return await this.#scoped(db, true, () => body(db));
    } finally {
      this.#writerTurn.release();
    }
  }

  /**
   * Waits behind the pool's other writers. Where the first of them waits for a connection itself, it
   * is the pool that keeps everyone waiting, and not the write lock.
   */
  async #awaitTurn(options: AcquireOptions | undefined): Promise<void> {
    if (this.#writerTurn.tryAcquire()) return;
    const refusal = this.#refuse(this.waitingCount);
    if (refusal !== undefined) throw refusal;
    const { signal } = options ?? {};
    const { busyTimeout, acquireTimeout } = this.#options;
    const exhausted = this.#pool.waitingCount > 0;
    const timeoutMs = exhausted ? (options?.timeout ?? acquireTimeout) : busyTimeout;
    await this.#writerTurn.acquire({ timeoutMs, signal }, () =>
      exhausted ? this.#timedOut(timeoutMs) : this.#backend.writeQueue.busy(timeoutMs, undefined),
    );
  }

  /** One request on a connection borrowed for it. */
  async #once<T>(
    writes: boolean,
    options: QueryOptions | undefined,
    body: (db: Connection) => Promise<T>,
  ): Promise<T> {
    if (writes && !this.#options.readonly) return this.#inTurn(signalOf(options), body);
    const lease = this.#lease(signalOf(options), false);
    const db = lease instanceof Promise ? await lease : lease;
    try {
      return await body(db);
    } finally {
      const cleaned = db.isReleased ? undefined : this.#release(db);
      if (cleaned !== undefined) await cleaned;
    }
  }

  #timedOut(waitedMs: number): AcquireTimeoutError {
    this.#counters.timedOut++;
    this.#events.emit("timeout", { waitedMs });
    const leases = reportLeases(this.#leases.values());
    return new AcquireTimeoutError(
      `pool "${this.#options.name}" had no connection free within ${Math.round(waitedMs)} ms (${this.activeCount} of ${this.maxConnections} out, ${this.#pool.waitingCount} waiting: ${describeLeases(leases)}); release sooner, or raise maxConnections or acquireTimeout`,
      { reason: "timeout", leases },
    );
  }

  #refuse(waiting: number): PoolExhaustedError | undefined {
    if (waiting < this.#options.maxWaiters) return undefined;
    this.#counters.rejected++;
    return new PoolExhaustedError(
      `pool "${this.#options.name}" has ${waiting} waiters, and maxWaiters allows no more`,
    );
  }

  // --- Connections ---

  async #openLink(): Promise<Link> {
    const started = performance.now();
    const link = await this.#threads.place((port) => this.#openIn(port));
    this.#counters.created++;
    this.#events.emit("create", {
      connection: link.id,
      durationMs: performance.now() - started,
    });
    return link;
  }

  async #openIn(port: Port): Promise<Link> {
    const { busyTimeout, name } = this.#options;
    const { writeQueue, lockReleased } = this.#backend;
    const link = new Link(this.#backend.nextConnectionId(), port, {
      pool: name,
      busyTimeoutMs: busyTimeout,
      writeQueue,
      lockReleased,
      onBusy: () => this.#counters.busy++,
    });
    await this.#tell(link, "open");
    try {
      await this.#prepare(link);
      return link;
    } catch (thrown) {
      await this.#tell(link, "close").catch(() => {});
      throw thrown;
    }
  }

  /** Runs `onConnect`; what it sets up is then part of a new connection. */
  async #prepare(link: Link): Promise<void> {
    const { onConnect } = this.#options;
    if (onConnect === undefined) return;
    const db = new Connection(link, this.#lender, false);
    try {
      await onConnect(db);
    } finally {
      db.end();
    }
    await this.#tell(link, "adopt");
  }

  async #tell(link: Link, kind: "open" | "close" | "adopt" | "reset") {
    const request = { kind, connection: link.id } as const;
    return link.send({ request: () => request, sql: undefined, writes: false });
  }

  /** Makes a link as a new one, or marks it broken where that fails. */
  async #clean(link: Link): Promise<void> {
    try {
      await link.settled();
      if (link.isClean || link.broken !== undefined) return;
      const sql = link.lastSql;
      link.cursors = 0;
      const { rolledBack, reopened } = (await this.#tell(link, "reset")).result as ResetResult;
      if (rolledBack) this.#events.emit("dirty", { connection: link.id, sql });
      if (reopened) await this.#prepare(link);
    } catch (thrown) {
      link.abandon(thrown instanceof Error ? thrown : new Error(String(thrown)));
    }
  }

  #takeBack(link: Link): void {
    const reason = this.#unfit(link);
    if (reason !== undefined) {
      this.#counters.replaced++;
      this.#events.emit("replace", { connection: link.id, reason });
      this.#pool.discard(link, reason);
      return;
    }
    link.idleSince = performance.now();
    this.#pool.release(link);
    this.#armIdleTimer();
  }

  #unfit(link: Link): string | undefined {
    const fault = link.broken ?? link.suspect;
    if (fault !== undefined) return fault.message;
    const age = performance.now() - link.createdAt;
    return age > this.#options.maxLifetime ? "maxLifetime" : undefined;
  }

  #closeLink(link: Link, reason: string): void {
    this.#counters.closed++;
    this.#events.emit("close", { connection: link.id, reason });
    const closed = this.#tell(link, "close")
      .catch(() => {})
      .then(() => {
        link.abandon(new PoolClosedError(`connection ${link.id} is closed`));
        this.#threads.remove(link);
      });
    this.#closing.add(closed);
    void closed.finally(() => this.#closing.delete(closed));
  }

  /** Idle connections of a thread that died are dropped; borrowed ones when they come back. */
  #onCrash(links: readonly Link[], error: WorkerCrashedError): void {
    for (const link of links) {
      link.abandon(error);
      this.#threads.remove(link);
      if (!this.#pool.idle.includes(link)) continue;
      this.#counters.replaced++;
      this.#events.emit("replace", { connection: link.id, reason: error.message });
      this.#pool.discard(link, error.message);
    }
  }

  #armIdleTimer(): void {
    const { idleTimeout } = this.#options;
    if (this.#idleTimer !== undefined || idleTimeout === Infinity) return;
    if (this.#closed !== undefined || this.#pool.totalCount <= 1) return;
    const oldest = this.#pool.idle[0]?.idleSince ?? performance.now();
    const delay = Math.max(1, oldest + idleTimeout - performance.now());
    this.#idleTimer = setTimeout(() => this.#evictOld(), Math.min(delay, 2 ** 31 - 1));
    unref(this.#idleTimer);
  }

  #evictOld(): void {
    this.#idleTimer = undefined;
    const limit = performance.now() - this.#options.idleTimeout;
    this.#pool.evict((link) => link.idleSince <= limit, "idle");
    this.#armIdleTimer();
  }

  // --- Statements ---

  #writes(sql: string): boolean {
    return this.#knownWrites.get(sql) ?? this.#learn(sql, guessWrites(sql));
  }

  #onlyReads(sql: string): boolean {
    let known = this.#knownReads.get(sql);
    if (known === undefined) {
      if (this.#knownReads.size >= MOST_KNOWN) this.#knownReads.clear();
      known = onlyReads(sql);
      this.#knownReads.set(sql, known);
    }
    return known;
  }

  #learn(sql: string, writes: boolean): boolean {
    if (this.#knownWrites.size >= MOST_KNOWN) this.#knownWrites.clear();
    this.#knownWrites.set(sql, writes);
    return writes;
  }

  #onQuery(query: PoolEvents["query"]): void {
    const counters = this.#counters;
    counters.queries++;
    counters.rows += query.rows;
    counters.queryTime.record(query.durationMs);
    if (query.error !== undefined) counters.errors++;
    if (this.#events.has("query")) this.#events.emit("query", query);
  }
}

function checkBody(body: unknown): void {
  if (typeof body !== "function")
    throw new TypeError("expected a function that takes a connection");
}

function signalOf(
  options: { readonly signal?: AbortSignal | undefined } | undefined,
): AcquireOptions | undefined {
  return options?.signal === undefined ? undefined : { signal: options.signal };
}
