// Answers requests in the thread that owns SQLite. A thread has one WebAssembly instance, and connections
// within it take turns: a request runs to its end, but between the entries of a long one others may be
// handled.

import { clock } from "../clock.ts";
import type { Engine } from "../engine/engine.ts";
import { interruptedError, PoolClosedError } from "../errors.ts";
import type { FoundStorage } from "../rpc/endpoint.ts";
import { IDLE } from "../rpc/idle-reply.ts";
import type { Reply, Request, ThreadConfig } from "../rpc/protocol.ts";
import type { RowCollector } from "../rpc/rows.ts";
import { createSharedMemory, type SharedMemory } from "../shm/layout.ts";
import type { Storage } from "../storage/storage.ts";
import { StorageFault, unpreparedPath } from "../storage/storage.ts";
import { type LoadSqlJs, startEngine } from "./engines.ts";
import { type ConnectionOwner, Keeper } from "./keeper.ts";
import { RequestLimits } from "./request-limits.ts";
import { NEEDS_PERMIT, Session } from "./session.ts";
import { Spools } from "./spools.ts";
import { asKnownError, type OpenStorage } from "./storages.ts";
import { type BackupJob, stepBackup } from "./transfer.ts";

/** What the entry of a thread knows how to do on its platform. */
export interface Platform {
  readonly openStorage: OpenStorage;
  readonly loadSqlJs: LoadSqlJs;
}

/** What all callers of one thread share. */
interface Instance {
  readonly engine: Engine;
  readonly storage: Storage;
  readonly found: FoundStorage;
  readonly keeper: Keeper;
  /** The latest answer that takes time, until it is there. */
  unanswered: Promise<Reply> | undefined;
}

/** The connections of one caller in one thread. */
export class Host implements ConnectionOwner {
  readonly #config: ThreadConfig;
  readonly #instance: Instance;
  readonly #isGuest: boolean;
  readonly #collector: RowCollector;
  readonly #limits: RequestLimits;
  readonly #sessions = new Map<number, Session>();
  readonly #backups = new Map<number, BackupJob>();
  readonly #spools: Spools;
  /** Why connections were lost whose caller has not closed them yet. */
  readonly #lost = new Map<number, Error>();

  /** Starts the engine of `config`. @throws StorageError */
  static async start(
    config: ThreadConfig,
    { openStorage, loadSqlJs }: Platform,
    collector: RowCollector,
    interrupts: Int32Array | undefined,
  ): Promise<Host> {
    const files = filesConfig(config);
    const { storage, guard, found } = await openStorage(files);
    const { path, readonly, slot } = files;
    const shared = (config.shared as SharedMemory | undefined) ?? createSharedMemory();
    const options = { storage, path, readonly, shared, slot, guard };
    const engine = await startEngine(config, options, loadSqlJs).catch(async (thrown) => {
      // What is open would stay so for as long as this thread lives.
      await storage.close?.();
      throw thrown;
    });
    const keeper = new Keeper(storage, engine);
    const instance = { engine, storage, found, keeper, unanswered: undefined };
    return new Host(config, instance, false, collector, interrupts);
  }

  private constructor(
    config: ThreadConfig,
    instance: Instance,
    isGuest: boolean,
    collector: RowCollector,
    interrupts: Int32Array | undefined,
  ) {
    this.#config = config;
    this.#instance = instance;
    this.#isGuest = isGuest;
    this.#collector = collector;
    this.#limits = new RequestLimits(interrupts);
    this.#spools = new Spools(instance.storage);
    instance.keeper.join(this);
  }

  /** The connections of another caller, numbered by itself, in the same instance of SQLite. */
  guest(
    settings: Partial<ThreadConfig>,
    collector: RowCollector,
    interrupts: Int32Array | undefined,
  ): Host {
    const config = { ...this.#config, ...settings };
    return new Host(config, this.#instance, true, collector, interrupts);
  }

  /** The storage that was opened. */
  get found(): FoundStorage {
    return this.#instance.found;
  }

  /** The caller's connections. */
  get connectionCount(): number {
    return this.#sessions.size;
  }

  /** Some connection of the caller has something open that would be lost with it. */
  get isInTransaction(): boolean {
    return [...this.#sessions.values()].some(({ connection }) => !connection.autocommit);
  }

  /**
   * Answers a request; never throws. An interrupt meant for `serial` or a later request of the
   * connection stops it. The answer comes at once, unless the storage has to do something first that
   * takes time; what is asked meanwhile is answered after it. Between the entries of a long request
   * `meanwhile` is called, in which requests of other connections may be handled.
   */
  handle(request: Request, serial: number, meanwhile?: () => void): Reply | Promise<Reply> {
    const before = this.#instance.unanswered;
    if (before !== undefined) return this.#later(before.then(() => this.#answer(request, serial)));
    const reply = this.#answer(request, serial, meanwhile);
    return reply instanceof Promise ? this.#later(reply) : reply;
  }

  #later(reply: Promise<Reply>): Promise<Reply> {
    this.#instance.unanswered = reply;
    const answered = () => {
      if (this.#instance.unanswered === reply) this.#instance.unanswered = undefined;
    };
    return reply.finally(answered);
  }

  #answer(request: Request, serial: number, meanwhile?: () => void): Reply | Promise<Reply> {
    if (!("timed" in request) || !request.timed) {
      return this.#answerUntimed(request, serial, meanwhile);
    }
    const started = clock.now();
    const startedAt = clock.timeOrigin + started;
    const timed = (reply: Reply): Reply => {
      const times = { startedAt, ranMs: clock.now() - started };
      return { ...reply, times };
    };
    const reply = this.#answerUntimed(request, serial, meanwhile);
    return reply instanceof Promise ? reply.then(timed) : timed(reply);
  }

  #answerUntimed(request: Request, serial: number, meanwhile?: () => void): Reply | Promise<Reply> {
    const { changes } = this.#instance.keeper;
    const reply = this.#tryAnswer(request, serial, meanwhile);
    const path = unpreparedPath(reply.error);
    if (path !== undefined) return this.#answerPrepared(path, request, serial);
    if (changes === this.#instance.keeper.changes) return reply;
    // What a write transaction has changed is kept when it ends; a script may end one and begin another.
    if (reply.txn === 2 && reply.changed === undefined) return reply;
    return this.#answerKept(request, reply);
  }

  async #answerKept(request: Request, reply: Reply): Promise<Reply> {
    const connection = "connection" in request ? request.connection : undefined;
    const { synchronous } = this.#config;
    try {
      await this.#instance.keeper.keep({ owner: this, connection, synchronous });
      return reply;
    } catch (thrown) {
      return { ...IDLE, tainted: true, error: asKnownError(thrown) };
    }
  }

  lose(which: "all" | "writers", connection: number | undefined, why: Error): void {
    for (const number of [...this.#backups.keys()]) this.#cancelBackup(number);
    for (const [number, session] of this.#sessions) {
      const isWriter = number === connection || session.connection.txnState === 2;
      if (which === "writers" && !isWriter) continue;
      this.#sessions.delete(number);
      this.#lost.set(number, asKnownError(why));
      session.close();
    }
  }

  /** A request that found a file unprepared has had no effect, and is done again. */
  async #answerPrepared(path: string, request: Request, serial: number): Promise<Reply> {
    try {
      await this.#instance.storage.prepare?.(path);
    } catch (thrown) {
      return { ...IDLE, ...this.#stateOf(request), error: asKnownError(thrown) };
    }
    return this.#answerUntimed(request, serial);
  }

  #stateOf(request: Request): Partial<Reply> {
    const session = this.#sessions.get(request.connection);
    return session === undefined ? {} : this.#reply(session, undefined, undefined);
  }

  #tryAnswer(request: Request, serial: number, meanwhile: (() => void) | undefined): Reply {
    let session: Session | undefined;
    try {
      session = this.#sessionOf(request);
      session.rows = 0;
      this.#limits.arm(session.connection, request, serial);
      // Whoever has given up on a request that waited here need not have it run.
      if ("timeoutMs" in request && this.#limits.isInterrupted) {
        throw interruptedError("sql" in request ? request.sql : undefined);
      }
      const result = this.#perform(session, request, meanwhile);
      return this.#reply(session, result, undefined);
    } catch (thrown) {
      return this.#reply(session, undefined, thrown);
    }
  }

  /** Closes every connection of the caller; the thread's own caller lets go of the storage as well. */
  async close(): Promise<void> {
    const { engine, storage, keeper } = this.#instance;
    // Nothing may be changed while earlier changes are being kept.
    while (this.#instance.unanswered !== undefined) await this.#instance.unanswered;
    keeper.leave(this);
    try {
      for (const job of this.#backups.values()) job.cancel();
      this.#backups.clear();
      for (const session of this.#sessions.values()) session.close();
      this.#sessions.clear();
      this.#spools.close();
      if (!this.#isGuest) engine.close();
    } finally {
      if (!this.#isGuest) await storage.close?.();
    }
  }

  #perform(session: Session, request: Request, meanwhile: (() => void) | undefined): unknown {
    switch (request.kind) {
      case "run":
        return session.run(request);
      case "watch":
        return session.watch(request);
      case "many":
        return session.many(request, this.#asideOf(request, meanwhile));
      case "script":
        return session.script(request);
      case "batch":
        return session.batch(request);
      case "describe":
        return session.describe(request.sql);
      case "openCursor":
        return session.openCursor(request);
      case "fetch":
        return session.fetch(request);
      case "closeCursor":
        return session.closeCursor(request.cursor);
      case "reset":
        this.#cancelBackup(request.connection);
        this.#spools.deleteOf(request.connection);
        return session.reset();
      case "adopt":
        session.tainted = false;
        return undefined;
      case "backup": {
        const { connection } = request;
        const running = this.#backups.get(connection);
        this.#backups.delete(connection);
        if (request.step === "start") this.#checkDestination(request.destination);
        const { result, job } = stepBackup(this.#instance, session.connection, running, request);
        if (job !== undefined) this.#backups.set(connection, job);
        return result;
      }
      case "import":
        this.#spools.complete(request.source);
        return session.import(request.source);
      case "file":
        return this.#spools.perform(request);
      case "open":
        return undefined;
      case "close":
        this.#cancelBackup(request.connection);
        this.#sessions.delete(request.connection);
        session.close();
        return this.#spools.deleteOf(request.connection);
      default:
        return request satisfies never;
    }
  }

  #sessionOf({ kind, connection }: Request): Session {
    const lost = this.#lost.get(connection);
    if (lost !== undefined) {
      if (kind === "close") this.#lost.delete(connection);
      throw lost;
    }
    let session = this.#sessions.get(connection);
    if (session === undefined && kind === "open") {
      session = new Session(this.#instance.engine, this.#config, this.#collector);
      this.#sessions.set(connection, session);
    }
    if (session === undefined) throw new PoolClosedError(`connection ${connection} is closed`);
    return session;
  }

  /**
   * Within one instance the destination would share its locks with the source: the old snapshot would
   * take the place of commits that have come since.
   */
  #checkDestination(path: string): void {
    if (this.#instance.storage.resolve(path) !== this.#config.path) return;
    throw new StorageFault(
      "locked",
      `${path} is the database itself; name another file for the copy`,
    );
  }

  #cancelBackup(connection: number): void {
    this.#backups.get(connection)?.cancel();
    this.#backups.delete(connection);
  }

  /** Not where what others change has to be kept before anything else may run. */
  #asideOf({ sql }: { readonly sql: string }, meanwhile: (() => void) | undefined) {
    if (meanwhile === undefined || this.#instance.storage.writeBack !== undefined) return undefined;
    return () => this.#limits.aside(meanwhile, sql);
  }

  #reply(session: Session | undefined, result: unknown, thrown: unknown): Reply {
    const needsPermit = thrown === NEEDS_PERMIT;
    const error = thrown === undefined || needsPermit ? undefined : asKnownError(thrown);
    // A connection that was lost is never as a new one.
    const isLost = error !== undefined && session === undefined;
    if (session === undefined) return { ...IDLE, tainted: isLost, needsPermit, result, error };
    const { connection, tainted, rows, isOpen } = session;
    const changed = session.takeChanged();
    if (!isOpen) return { ...IDLE, needsPermit, changed, result, error };
    return {
      txn: connection.txnState,
      autocommit: connection.autocommit,
      tainted,
      needsPermit,
      rows,
      changed,
      result,
      error,
    };
  }
}

/** Where others use the files as well, one caller's settings are not theirs. */
function filesConfig(config: ThreadConfig): ThreadConfig {
  if (!config.isOpenToOthers) return config;
  return { ...config, readonly: false, create: config.create && !config.readonly };
}
