// What a borrower holds: a guard over a link, good until it is released. Every lease has a
// connection object of its own, so one that was given back can never reach the next borrower's.

import { clock } from "../clock.ts";
import { ConnectionReleasedError, SqliteError } from "../errors.ts";
import { INTERRUPT } from "../result-codes.ts";
import type {
  Access,
  BatchResult,
  ChangesResult,
  Reply,
  Request,
  ScriptResult,
  Want,
  WatchResult,
  WireParams,
} from "../rpc/protocol.ts";
import type {
  BindParams,
  ExecuteResult,
  NamedParams,
  Row,
  SqlValue,
  StatementInfo,
} from "../types.ts";
import { addCallSite, withCallSite } from "./call-site.ts";
import { cursorRows, type IterateOptions, type RemoteCursor } from "./cursor.ts";
import { asyncDispose } from "./dispose.ts";
import type { PoolEvents } from "./events.ts";
import type { Link, OpenTransaction } from "./link.ts";
import { LEAST_ENTRIES, runMany } from "./many.ts";
import { checkQueryOptions, type QueryOptions, type RowsAsArrays } from "./options.ts";
import { checkLists, keepLists, normalizeLists } from "./params.ts";
import {
  type BatchStatement,
  type BatchStatements,
  type Sql,
  type Statement,
  statementNow,
  textAlone,
  toStatement,
  toStatements,
} from "./sql.ts";
import type { StatementKind } from "./statement-kinds.ts";
import { type TransactionOptions, Transactions } from "./transaction.ts";

/** The result of one statement of a batch. */
export interface Result<T = Row> extends ExecuteResult {
  /** The rows it yielded, as objects by column name; empty for one that yields none. */
  readonly rows: readonly T[];
}

/** What a connection asks of the pool it is borrowed from. */
export interface Lender {
  /** What a statement will do, as far as its text tells. */
  kindOf(sql: string): StatementKind;
  /** The statement does write, whatever was guessed. */
  learnWrites(sql: string): void;
  /** Somebody listens to the event `query`: statements are to be timed where they run. */
  isObserved(): boolean;
  /** A request has ended, for better or worse. */
  count(durationMs: number, rows: number, failed: boolean): void;
  /** Tells those who listen of it. */
  tell(query: PoolEvents["query"]): void;
  release(connection: Connection): Promise<void>;
}

/** A borrowed connection. Requests on it run one after another, in the order they were made. */
export class Connection implements AsyncDisposable {
  readonly #link: Link;
  readonly #lender: Lender;
  readonly #readonly: boolean;
  readonly #transactions = new Transactions(this);
  /** @internal Called when the lease ends. */
  onEnd: (() => void) | undefined;
  #open = true;
  #cursors = 0;

  /** @internal Connections come from the pool. */
  constructor(link: Link, lender: Lender, readonly: boolean) {
    this.#link = link;
    this.#lender = lender;
    this.#readonly = readonly;
  }

  /** Number of the SQLite connection behind the lease; its next borrower sees the same one. */
  get id(): number {
    return this.#link.id;
  }

  /** It has not been released, and the thread it runs in lives. */
  get isOpen(): boolean {
    return this.#open && this.#link.broken === undefined;
  }

  /** A transaction is open (as of the latest statement that has ended). */
  get inTransaction(): boolean {
    return this.#link.inTransaction;
  }

  /** This lease refuses to write. */
  get isReadonly(): boolean {
    return this.#readonly;
  }

  /** {@link query} with rows as arrays, a value per column, two of one name included. */
  query<T = SqlValue[], P extends NamedParams<P> = BindParams>(
    sql: Sql,
    params: BindParams | P | undefined,
    options: QueryOptions & RowsAsArrays,
  ): Promise<T[]>;
  /**
   * All rows of one statement, as objects by column name, or as arrays with `rowMode: "array"`. Of two
   * columns of one name the last wins. `T`, the type of a row, is taken at its word. Where it is given,
   * parameters of an interface are spread, `{ ...user }`, or theirs is given too, `query<Row, User>`.
   * @throws SqliteError, BusyError, TypeError (parameters, options), RangeError (options, or an integer that
   *   `integers: "number"` has no number for), ConnectionReleasedError, WorkerCrashedError, StorageError, the
   *   signal's reason
   */
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
  /** The first row, or undefined where there is none. Throws as {@link query} does. */
  queryFirst<T = Row, P extends NamedParams<P> = BindParams>(
    sql: Sql,
    params?: BindParams | P,
    options?: QueryOptions,
  ): Promise<T | undefined>;
  queryFirst<T>(sql: Sql, params?: object, options?: QueryOptions): Promise<T | undefined> {
    return this.#run(sql, params, options, firstIn(options)) as Promise<T | undefined>;
  }

  /** The first column of the first row, or undefined where there is none. Throws as {@link query} does. */
  queryValue<T = SqlValue, P extends NamedParams<P> = BindParams>(
    sql: Sql,
    params?: BindParams | P,
    options?: QueryOptions,
  ): Promise<T | undefined> {
    return this.#run(sql, params, options, "value") as Promise<T | undefined>;
  }

  /** Runs any one statement; rows it yields are dropped. Throws as {@link query} does. */
  execute<P extends NamedParams<P> = BindParams>(
    sql: Sql,
    params?: BindParams | P,
    options?: QueryOptions,
  ): Promise<ExecuteResult> {
    return this.#run(sql, params, options, "changes") as Promise<ExecuteResult>;
  }

  /**
   * Runs one statement once per entry of `paramsList`: all of them or, if one fails, none, in one
   * transaction (a savepoint inside an open one). That is one round trip; more than 250 entries are several of
   * some milliseconds each, so that nobody else who has a connection in the same thread waits for all.
   * `changes` is the sum of them all. Throws as {@link query} does.
   */
  async executeMany<P extends NamedParams<P> = BindParams>(
    sql: Sql,
    paramsList: readonly (BindParams | P)[],
    options?: QueryOptions,
  ): Promise<{ changes: number }> {
    const text = textAlone(sql);
    if (this.#link.port.parallel)
      return await this.runMany(text, normalizeLists(paramsList), options);
    // Copying many short lists would cost a good part of what inserting them costs.
    const lists = checkLists(paramsList);
    const sent = this.#sendMany(text, lists, options);
    if (!(sent instanceof Promise)) return changesOf(sent);
    keepLists(lists);
    return changesOf(await sent);
  }

  /** @internal {@link executeMany}, with parameters that are checked and copied. */
  async runMany(
    text: string,
    lists: readonly WireParams[],
    options: QueryOptions | undefined,
  ): Promise<{ changes: number }> {
    return changesOf(await this.#sendMany(text, lists, options));
  }

  #sendMany(
    text: string,
    lists: readonly WireParams[],
    options: QueryOptions | undefined,
  ): Reply | Promise<Reply> {
    const writes = this.#guess(text);
    const request = (paramsList: readonly WireParams[], access: Access): Request => ({
      kind: "many",
      connection: this.id,
      ...access,
      sql: text,
      paramsList,
    });
    // Where SQLite runs in the calling thread, nobody waits in another one.
    const inPieces = writes && lists.length > LEAST_ENTRIES && this.#link.port.parallel;
    return inPieces
      ? this.#sendPieces(text, lists, options, request)
      : this.#send(text, options, writes, (access) => request(lists, access));
  }

  /**
   * Runs several statements, none of which takes parameters. Not atomic: statements before one that
   * fails keep their effect, unless the script opens a transaction. Throws as {@link query} does.
   */
  async executeScript(sql: string, options?: QueryOptions): Promise<void> {
    if (typeof sql !== "string") throw new TypeError(`sql must be a string, not ${typeof sql}`);
    // The thread stops where the next statement has to wait, for a lock or for the write permit.
    for (let rest = sql; rest !== ""; ) {
      const reply = await this.#send(rest, options, this.#guess(rest), (access) => ({
        kind: "script",
        connection: this.id,
        ...access,
        sql: rest,
      }));
      ({ rest } = reply.result as ScriptResult);
    }
  }

  /**
   * Runs statements atomically, in one round trip: in a transaction, or a savepoint inside an open one.
   * `T` is the type of their rows; the results are in the order of the statements.
   * @throws TypeError for a statement that is none; else as {@link query} does, and nothing is kept
   */
  async batch<T = Row, S extends BatchStatements<S> = readonly BatchStatement[]>(
    statements: readonly BatchStatement[] | S,
    options?: QueryOptions,
  ): Promise<Result<T>[]> {
    return (await this.runBatch(toStatements(statements), options)) as unknown as Result<T>[];
  }

  /** @internal {@link batch}, with statements that are checked. */
  async runBatch(
    list: readonly Statement[],
    options: QueryOptions | undefined,
  ): Promise<readonly BatchResult[]> {
    const label = list.map(({ sql }) => sql).join("; ");
    const writes = list.some(({ sql }) => this.#guess(sql));
    const reply = await this.#send(label, options, writes, (access) => ({
      kind: "batch",
      connection: this.id,
      ...access,
      statements: list,
      want: rowsIn(options),
    }));
    return reply.result as readonly BatchResult[];
  }

  /**
   * What SQLite says of the first statement of `sql`, which is not run; undefined where there is none.
   * With `rest`, a script can be taken apart statement by statement.
   * @throws SqliteError for one that does not compile
   */
  async describe(sql: string): Promise<StatementInfo | undefined> {
    if (typeof sql !== "string") throw new TypeError(`sql must be a string, not ${typeof sql}`);
    this.#checkOpen();
    const request = { kind: "describe", connection: this.id, sql } as const;
    const sent = this.#link.send({ request: () => request, sql, writes: false });
    const reply = await withCallSite(sent);
    return reply.result as StatementInfo | undefined;
  }

  /** {@link iterate} with rows as arrays. */
  iterate<T = SqlValue[], P extends NamedParams<P> = BindParams>(
    sql: Sql,
    params: BindParams | P | undefined,
    options: IterateOptions & RowsAsArrays,
  ): AsyncGenerator<T, void, undefined>;
  /**
   * The rows of one statement, chunk by chunk: at most two chunks are in memory, and SQLite goes on
   * only as they are consumed. Until the loop ends, the connection reads from one snapshot.
   *
   * Throws nothing itself; the loop throws as {@link query} does, a RangeError for a `chunkSize` that is none
   * included.
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
    return this.iterateOver<T>(statementNow(sql, params), options);
  }

  /** @internal {@link iterate}, with a statement that is copied. */
  iterateOver<T>(
    checked: () => Statement,
    options: IterateOptions | undefined,
  ): AsyncGenerator<T, void, undefined> {
    const number = ++this.#cursors;
    const { id } = this;
    const want = rowsIn(options);
    const { chunkSize: _, ...each } = options ?? {};
    const cursor: RemoteCursor = {
      open: async (chunkRows) => {
        const statement = checked();
        return this.#send(statement.sql, each, this.#guess(statement.sql), (access) => ({
          kind: "openCursor",
          connection: id,
          ...access,
          cursor: number,
          ...statement,
          want,
          chunkRows,
        }));
      },
      fetch: async (chunkRows) =>
        this.#send(
          checked().sql,
          each,
          false,
          ({ timeoutMs, timed }) => ({
            kind: "fetch",
            connection: id,
            cursor: number,
            chunkRows,
            timeoutMs,
            timed,
          }),
          "once",
        ),
      close: () => this.#closeCursor(number),
    };
    return cursorRows<T>(this.#link, cursor, options);
  }

  /** @internal All rows of a statement that reads, and the tables they come from. */
  async readForWatch(statement: Statement, options: QueryOptions): Promise<WatchResult> {
    const reply = await this.#send(statement.sql, options, false, (access) => ({
      kind: "watch",
      connection: this.id,
      ...access,
      ...statement,
      want: rowsIn(options),
    }));
    return reply.result as WatchResult;
  }

  /**
   * Runs `body` in a transaction: committed when it resolves, rolled back when it throws. Inside an
   * open transaction it is a savepoint. The default mode is `"immediate"`: the write lock is taken
   * at the start, where it can be waited for; a lease that only reads begins `"deferred"`.
   *
   * Once the transaction has ended, as when SQLite rolls it back for a conflict or an interrupted write, every
   * further statement of `body` rejects with `SQLITE_ABORT_ROLLBACK`, and so does the call.
   *
   * Of two that are asked for at once on one connection, the second waits for the first. One that is asked
   * for while the callback of another runs is inside of it, and whatever is sent on the connection until it
   * ends belongs to it. Where the outer one ends first, all of it is rolled back (`SQLITE_MISUSE`).
   * @throws what `body` throws; BusyError, SqliteError, ConnectionReleasedError, WorkerCrashedError,
   *   StorageError, TypeError (options), the signal's reason
   */
  transaction<T>(
    body: (db: Connection) => T | Promise<T>,
    options?: TransactionOptions,
  ): Promise<Awaited<T>> {
    return this.#transactions.run(body, options);
  }

  /** @internal Runs a statement that begins or ends a transaction, as a part of `within` or of none. */
  async control(sql: string, within: OpenTransaction | null, signal?: AbortSignal): Promise<void> {
    await this.#run(sql, [], { signal }, "changes", within);
  }

  /** Stops the statement that runs or waits for a lock; it then rejects with `SQLITE_INTERRUPT`. */
  interrupt(): void {
    if (this.#open) this.#link.interrupt();
  }

  /** Gives the connection back to its pool. @throws ConnectionReleasedError the second time */
  async release(): Promise<void> {
    await this.#lender.release(this);
  }

  /** Gives the connection back, unless that has been done. */
  async [asyncDispose](): Promise<void> {
    if (this.#open) await this.release();
  }

  /** @internal The lease has ended. */
  get isReleased(): boolean {
    return !this.#open;
  }

  /** @internal Ends the lease. */
  end(): void {
    this.#open = false;
    this.onEnd?.();
  }

  /** @internal */
  get link(): Link {
    return this.#link;
  }

  #guess(sql: string): boolean {
    return !this.#readonly && this.#lender.kindOf(sql) === "writes";
  }

  async #run(
    sql: Sql,
    params: object | undefined,
    options: QueryOptions | undefined,
    want: Want,
    within?: OpenTransaction | null,
  ): Promise<unknown> {
    const sent = this.#sendRun(toStatement(sql, params), options, want, within);
    return (sent instanceof Promise ? await sent : sent).result;
  }

  /** @internal Runs a statement that is checked, and gives what is wanted of its rows. */
  async run(statement: Statement, options: QueryOptions | undefined, want: Want): Promise<unknown> {
    const sent = this.#sendRun(statement, options, want);
    return (sent instanceof Promise ? await sent : sent).result;
  }

  /** Where SQLite runs in the calling thread, the reply is there at once, and a promise saved. */
  #sendRun(
    statement: Statement,
    options: QueryOptions | undefined,
    want: Want,
    within?: OpenTransaction | null,
  ): Reply | Promise<Reply> {
    const text = statement.sql;
    const kind = this.#lender.kindOf(text);
    const writes = kind === "writes" && !this.#readonly;
    // An abort stops whatever the connection runs, so what can be aborted runs alone.
    const reads = kind === "reads" && options?.signal === undefined;
    const request = (access: Access): Request => ({
      kind: "run",
      connection: this.id,
      permit: access.permit,
      readonly: access.readonly,
      timeoutMs: access.timeoutMs,
      timed: access.timed,
      sql: text,
      params: statement.params,
      want,
    });
    return this.#send(text, options, writes, request, reads ? "reads" : undefined, within);
  }

  #send(
    sql: string,
    options: QueryOptions | undefined,
    writes: boolean,
    request: (access: Access) => Request,
    kind?: "reads" | "once",
    within: OpenTransaction | null = this.#transactions.current,
  ): Reply | Promise<Reply> {
    this.#checkOpen();
    if (options !== undefined) checkQueryOptions(options);
    const timeoutMs = finite(options?.timeout);
    const timed = this.#lender.isObserved();
    const started = clock.now();
    const sent = this.#link.send({
      request: (permit) => request({ permit, readonly: this.#readonly, timeoutMs, timed }),
      sql,
      writes: writes && !this.#readonly,
      reads: kind === "reads",
      once: kind === "once",
      signal: options?.signal,
      within,
      onWrites: () => this.#lender.learnWrites(sql),
    });
    if (sent instanceof Promise) return this.#answer(sent, sql, started, options);
    this.#report(sql, started, sent, undefined);
    return sent;
  }

  #sendPieces(
    sql: string,
    lists: readonly WireParams[],
    options: QueryOptions | undefined,
    request: (lists: readonly WireParams[], access: Access) => Request,
  ): Promise<Reply> {
    this.#checkOpen();
    if (options !== undefined) checkQueryOptions(options);
    const { signal, timeout } = options ?? {};
    const timed = this.#lender.isObserved();
    const readonly = this.#readonly;
    const started = clock.now();
    const sent = runMany(this.#link, {
      sql,
      lists,
      signal,
      within: this.#transactions.current,
      timeoutMs: timeout,
      runAll: (piece, permit, leftMs) =>
        request(piece, { permit, readonly, timeoutMs: finite(leftMs), timed }),
      runOne: (statement, permit) => ({
        kind: "run",
        connection: this.id,
        permit,
        readonly,
        timeoutMs: 0,
        sql: statement,
        params: [],
        want: "changes",
      }),
    });
    return this.#answer(sent, sql, started, options);
  }

  async #answer(
    sent: Promise<Reply>,
    sql: string,
    started: number,
    options: QueryOptions | undefined,
  ): Promise<Reply> {
    const { interrupts } = this.#link;
    try {
      const reply = await sent;
      this.#report(sql, started, reply, undefined);
      return reply;
    } catch (thrown) {
      if (this.#link.interrupts === interrupts) nameTimeout(thrown, options?.timeout);
      this.#report(sql, started, undefined, thrown as Error);
      if (thrown !== options?.signal?.reason) addCallSite(thrown);
      throw thrown;
    }
  }

  #report(sql: string, started: number, reply: Reply | undefined, error: Error | undefined): void {
    const durationMs = clock.now() - started;
    const rows = reply?.rows ?? 0;
    this.#lender.count(durationMs, rows, error !== undefined);
    if (!this.#lender.isObserved()) return;
    const query = { connection: this.id, sql, durationMs, rows, ...spent(reply, started) };
    this.#lender.tell(error === undefined ? query : { ...query, error });
  }

  async #closeCursor(cursor: number): Promise<void> {
    if (!this.isOpen) return;
    await this.#link.send({
      request: () => ({ kind: "closeCursor", connection: this.id, cursor }),
      sql: undefined,
      writes: false,
    });
  }

  #checkOpen(): void {
    if (!this.#open) {
      throw new ConnectionReleasedError(
        `connection ${this.id} was released; acquire another one, and keep it until its last use`,
      );
    }
    this.#link.checkAlive();
  }
}

function changesOf({ result }: Reply): { changes: number } {
  return { changes: (result as ChangesResult).changes };
}

/** What `query` wants. */
export function rowsIn(options: QueryOptions | undefined): "objects" | "arrays" {
  return options?.rowMode === "array" ? "arrays" : "objects";
}

/** What `queryFirst` wants. */
export function firstIn(options: QueryOptions | undefined): "first" | "firstArray" {
  return options?.rowMode === "array" ? "firstArray" : "first";
}

/** SQLite does not say what it was interrupted by. Where nobody asked for it, it was the time. */
function nameTimeout(thrown: unknown, timeout: number | undefined): void {
  if (!(thrown instanceof SqliteError) || thrown.resultCode !== INTERRUPT) return;
  if (timeout === undefined || timeout === Infinity) return;
  const before = thrown.message;
  thrown.message = `the statement was stopped after its timeout of ${timeout} ms`;
  thrown.stack = thrown.stack?.replace(before, thrown.message) ?? thrown.message;
}

/** What of the time before a reply passed before the thread began, and what in it. */
function spent(
  reply: Reply | undefined,
  started: number,
): Pick<PoolEvents["query"], "queuedMs" | "ranMs"> {
  if (reply?.times === undefined) return {};
  const { startedAt, ranMs } = reply.times;
  return { queuedMs: Math.max(0, startedAt - clock.timeOrigin - started), ranMs };
}

/** On the wire 0 stands for no limit. */
function finite(timeout: number | undefined): number {
  return timeout === undefined || timeout === Infinity ? 0 : Math.max(timeout, 1);
}
