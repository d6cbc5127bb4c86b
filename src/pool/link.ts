// One open SQLite connection as the pool keeps it, lent or not: requests in their order, the write
// permit, waiting out SQLITE_BUSY.

import { clock } from "../clock.ts";
import {
  ConnectionReleasedError,
  crashFor,
  interruptedError,
  SqliteError,
  StorageError,
  transactionEndedError,
  WorkerCrashedError,
} from "../errors.ts";
import { BUSY, BUSY_RECOVERY, INTERRUPT } from "../result-codes.ts";
import type { Port } from "../rpc/port.ts";
import type { Reply, Request } from "../rpc/protocol.ts";
import type { Tables, TxnState } from "../types.ts";
import { onAbort } from "./abort.ts";
import { busyInTurn, type WriteClaim, type WritePermits } from "./write-queue.ts";

/** Longest sleep between two tries at a lock whose release might go unnoticed. */
const BUSY_POLL_MS = 10;

/** What a link needs of its pool. */
export interface LinkContext {
  readonly pool: string;
  readonly busyTimeoutMs: number;
  readonly writeQueue: WritePermits;
  lockReleased(ms: number): Promise<void>;
  /** Called when all that was sent has been answered. */
  onFree(): void;
  /** Called for each wait on a lock. */
  onBusy(): void;
  /** Called when a commit of the connection changed these tables. */
  onChange(tables: Tables): void;
}

/** A transaction that is all or nothing: when it has ended, nothing more of it is sent. */
export interface OpenTransaction {
  /** Makes the error that requests of it are refused with, once it has ended. */
  ended: (() => Error) | undefined;
}

/**
 * One request to be sent; several times where SQLite answers SQLITE_BUSY, since a request has had no
 * effect then.
 */
export interface Job {
  /** The request, given whether the connection holds the write permit. */
  readonly request: (permit: boolean) => Request;
  readonly sql: string | undefined;
  /** It is expected to write: the permit is taken before it is sent. */
  readonly writes: boolean;
  /** It changes nothing, whatever it is, and is not to be aborted alone: reads may overlap. */
  readonly reads?: boolean;
  /** Files other than the database's are concerned: one that fails says nothing of the connection. */
  readonly elsewhere?: boolean;
  /** It is of no use to send it again: a fetch that fails has closed its cursor. */
  readonly once?: boolean;
  readonly signal?: AbortSignal | undefined;
  /** What it belongs to. Outside of it, what it does would be kept at once. */
  readonly within?: OpenTransaction | null;
  /** Told when the guess in `writes` was wrong. */
  readonly onWrites?: (() => void) | undefined;
}

/** A connection in its thread. */
export class Link {
  readonly id: number;
  readonly port: Port;
  readonly createdAt = clock.now();
  idleSince = clock.now();
  /** What its borrower has open beside a transaction, such as cursors; a release closes it. */
  readonly open = new Set<object>();
  /** The statement that runs now, for reports. */
  runningSql: string | undefined;
  /** The latest statement, for reports. */
  lastSql: string | undefined;
  /** Why the connection is of no more use. */
  broken: Error | undefined;
  /** Told when the connection is gone. */
  onAbandoned: ((error: Error) => void) | undefined;
  /** Its storage failed: it serves its borrower as well as it can, and nobody after. */
  suspect: Error | undefined;
  /** How often somebody has asked to stop what runs. */
  interrupts = 0;
  #revocations = 0;
  readonly #context: LinkContext;
  /** What the latest reply said. Replies themselves are not kept: their results may be large. */
  #txn: TxnState = 0;
  #autocommit = true;
  #tainted = false;
  /** Why SQLite has rolled the latest transaction back; undefined where it was told to end it. */
  #rolledBackFor: Error | undefined;
  #hasPermit = false;
  /** Jobs that have not been answered. */
  #queued = 0;
  /** Those of them that only read and are in the thread: when all are, a further one may follow. */
  #reading = 0;
  /** The answer to the latest job, while one is under way. */
  #tail: Promise<unknown> = ANSWERED;
  /** Jobs that are sent once more: whatever is not in the thread yet comes after them. */
  readonly #retries = new Set<Promise<unknown>>();
  /** Waits for the write permit. */
  readonly #waits = new Set<AbortController>();
  #onSettled: (() => void)[] = [];

  constructor(id: number, port: Port, context: LinkContext) {
    this.id = id;
    this.port = port;
    this.#context = context;
  }

  get inTransaction(): boolean {
    return !this.#autocommit;
  }

  /** It is as a new one: no transaction, no cursor, nothing changed. */
  get isClean(): boolean {
    return this.#txn === 0 && this.#autocommit && !this.#tainted && this.open.size === 0;
  }

  /** Something was sent that has not been answered. */
  get isBusy(): boolean {
    return this.#queued > 0;
  }

  /**
   * Sends a job after those before it, and gives the reply of one that succeeded: at once where SQLite
   * runs in the calling thread and nothing has to be waited for. Throws nothing, but rejects.
   */
  send(job: Job): Reply | Promise<Reply> {
    if (job.signal?.aborted) return Promise.reject(job.signal.reason);
    const isNext = this.#queued === 0 || (job.reads === true && this.#queued === this.#reading);
    if (!isNext || !this.#maySend(job)) return this.#enqueue(job);
    const refusal = this.#refusal(job);
    if (refusal !== undefined) return Promise.reject(refusal);
    this.runningSql = job.sql;
    this.lastSql = job.sql ?? this.lastSql;
    const reply = this.port.request(job.request(this.#hasPermit));
    const answered = reply instanceof Promise ? this.#await(reply, job) : this.#settle(reply, job);
    if (answered instanceof Promise && this.#queued > 0) this.#tail = answered;
    return answered;
  }

  /**
   * Runs `body` after the jobs before it. Those that it performs, one at a time, come one after the other:
   * what is sent meanwhile waits until it has ended.
   */
  exclusively<T>(
    body: (perform: (job: Job) => Promise<Reply>) => Promise<T>,
    signal: AbortSignal | undefined,
  ): Promise<T> {
    if (signal?.aborted) return Promise.reject(signal.reason);
    const checkRevoked = this.#watchForRevoke();
    const perform = async (job: Job) => {
      checkRevoked();
      return await this.#perform(job);
    };
    return this.#inTurn(() => body(perform), signal);
  }

  /** Resolves when everything that was sent has been answered. */
  async settled(): Promise<void> {
    while (this.#queued > 0) {
      await new Promise<void>((resolve) => {
        this.#onSettled.push(resolve);
      });
    }
  }

  /** Stops what runs, or ends its wait for the write lock. */
  interrupt(): void {
    this.interrupts++;
    this.port.interrupt(this.id);
    for (const wait of this.#waits) wait.abort();
  }

  /** Stops what runs, and refuses whatever of what was sent has not begun: its borrower has lost the connection. */
  revoke(): void {
    this.#revocations++;
    this.interrupt();
  }

  /** @throws what the connection broke of */
  checkAlive(): void {
    const { broken } = this;
    if (broken === undefined) return;
    throw broken instanceof WorkerCrashedError ? crashFor(broken, false) : broken;
  }

  /** The connection is gone: what it held is free. */
  abandon(error: Error): void {
    this.broken ??= error;
    for (const wait of this.#waits) wait.abort();
    this.#setState(FRESH);
    const wrote = this.#hasPermit;
    this.#returnPermit();
    // A commit may have succeeded, and its reply have been lost.
    if (wrote) this.#context.onChange("any");
    this.onAbandoned?.(this.broken);
  }

  /** Nothing has to be waited for: the way of most jobs, without a queue and its promises. */
  #maySend(job: Job): boolean {
    if (this.broken !== undefined) return false;
    if (!job.writes || this.#hasPermit) return true;
    this.#hasPermit = this.#context.writeQueue.tryAcquire(this.#claim(job.sql));
    return this.#hasPermit;
  }

  /** Why a job of a transaction must not be sent: it has ended, whoever ended it. */
  #refusal({ within }: Job): Error | undefined {
    if (!within) return undefined;
    if (this.#autocommit && this.broken === undefined) {
      const cause = this.#rolledBackFor;
      within.ended ??= () => transactionEndedError(cause);
    }
    return within.ended?.();
  }

  /** Jobs that come meanwhile queue behind this one, but for reads behind reads. */
  #await(sent: Promise<Reply>, job: Job): Promise<Reply> {
    const reads = job.reads ? 1 : 0;
    this.#queued++;
    this.#reading += reads;
    const { signal } = job;
    const unhook = signal && onAbort(signal, () => this.interrupt());
    return sent.then((reply) => {
      this.#reading -= reads;
      unhook?.();
      this.#answered();
      return this.#settle(reply, job);
    });
  }

  /** The reply of a job that needed no wait after all, or the way of those that do. */
  #settle(reply: Reply, job: Job): Reply | Promise<Reply> {
    if (this.#queued === 0) this.runningSql = undefined;
    this.#note(reply);
    if (reply.needsPermit) {
      job.onWrites?.();
      return this.#again({ ...job, writes: true });
    }
    if (reply.error === undefined) return reply;
    if (!job.once && isBusy(reply.error)) return this.#again(job);
    return Promise.reject(this.#failure(reply.error, job));
  }

  /** Sends a job once more, ahead of those that are queued. */
  #again(job: Job): Promise<Reply> {
    this.#queued++;
    const reply = this.#perform(job);
    this.#retries.add(reply);
    const answered = () => {
      this.#retries.delete(reply);
      this.#answered();
    };
    reply.then(answered, answered);
    return reply;
  }

  #answered(): void {
    if (--this.#queued > 0) return;
    this.#tail = ANSWERED;
    for (const resolve of this.#onSettled.splice(0)) resolve();
    this.#context.onFree();
  }

  /** The function it returns throws once the connection has been taken back. */
  #watchForRevoke(): () => void {
    const revocations = this.#revocations;
    return () => {
      if (this.#revocations === revocations) return;
      throw new ConnectionReleasedError(
        `connection ${this.id} was taken back before the statement had run`,
      );
    };
  }

  #enqueue(job: Job): Promise<Reply> {
    return this.#inTurn(() => this.#perform(job), job.signal);
  }

  /** Calls `begin` when all that was sent before has been answered. */
  #inTurn<T>(begin: () => Promise<T>, signal: AbortSignal | undefined): Promise<T> {
    this.#queued++;
    let onTurn = ignore;
    const checkRevoked = this.#watchForRevoke();
    const next = async (): Promise<T> => {
      while (this.#retries.size > 0) await Promise.allSettled(this.#retries);
      onTurn();
      checkRevoked();
      return await begin();
    };
    const done = this.#tail.then(next, next);
    const answered = () => this.#answered();
    this.#tail = done.then(answered, answered);
    if (signal === undefined) return done;
    // Whoever waits behind other requests hears of the abort at once, and the request is dropped in
    // its turn. Once it runs, the answer is that of the statement: it says what became of it.
    return new Promise((resolve, reject) => {
      const abort = () => reject(signal.reason);
      onTurn = onAbort(signal, abort);
      done.then(resolve, reject);
    });
  }

  async #perform(job: Job): Promise<Reply> {
    const started = clock.now();
    const left = () => this.#context.busyTimeoutMs - (clock.now() - started);
    const { interrupts } = this;
    const checkRevoked = this.#watchForRevoke();
    const checkInterrupts = () => {
      job.signal?.throwIfAborted();
      checkRevoked();
      if (this.interrupts !== interrupts) throw interruptedError(job.sql);
    };
    checkInterrupts();
    const refusal = this.#refusal(job);
    if (refusal !== undefined) throw refusal;
    const unhook = job.signal && onAbort(job.signal, () => this.interrupt());
    try {
      if (job.writes) await this.#takePermit(job.sql, left(), checkInterrupts);
      for (;;) {
        const reply = await this.#request(job);
        if (reply.needsPermit) {
          job.onWrites?.();
          await this.#takePermit(job.sql, left(), checkInterrupts);
        } else if (!job.once && isBusy(reply.error)) {
          await this.#waitForLock(job.sql, left(), checkInterrupts);
        } else if (reply.error !== undefined) {
          throw this.#failure(reply.error, job);
        } else return reply;
      }
    } finally {
      unhook?.();
      this.#returnPermit();
    }
  }

  async #request(job: Job): Promise<Reply> {
    this.checkAlive();
    this.runningSql = job.sql;
    this.lastSql = job.sql ?? this.lastSql;
    try {
      const reply = await this.port.request(job.request(this.#hasPermit));
      this.#setState(reply);
      this.#noteCrash(reply);
      this.#tellChange(reply);
      return reply;
    } finally {
      this.runningSql = undefined;
    }
  }

  #note(reply: Reply): void {
    this.#setState(reply);
    this.#noteCrash(reply);
    this.#returnPermit();
    this.#tellChange(reply);
  }

  #setState(reply: Pick<Reply, "txn" | "autocommit" | "tainted" | "error">): void {
    const { txn, autocommit, tainted, error } = reply;
    if (autocommit && !this.#autocommit) this.#rolledBackFor = error;
    this.#txn = txn;
    this.#autocommit = autocommit;
    this.#tainted = tainted;
  }

  #tellChange({ changed }: Reply): void {
    if (changed !== undefined) this.#context.onChange(changed);
  }

  #noteCrash({ error }: Reply): void {
    if (error instanceof WorkerCrashedError && error.connectionLost) this.abandon(error);
  }

  async #waitForLock(
    sql: string | undefined,
    leftMs: number,
    checkInterrupts: () => void,
  ): Promise<void> {
    this.#context.onBusy();
    checkInterrupts();
    const { writeQueue, busyTimeoutMs } = this.#context;
    if (leftMs <= 0) {
      // The holder of the permit is not to blame where it is the one that waits.
      throw this.#hasPermit ? busyInTurn(busyTimeoutMs, sql) : writeQueue.busy(busyTimeoutMs, sql);
    }
    await this.#context.lockReleased(Math.min(leftMs, BUSY_POLL_MS));
    checkInterrupts();
  }

  async #takePermit(
    sql: string | undefined,
    timeoutMs: number,
    checkInterrupts: () => void,
  ): Promise<void> {
    if (this.#hasPermit) return;
    const claim = this.#claim(sql);
    const { writeQueue, busyTimeoutMs } = this.#context;
    if (!writeQueue.tryAcquire(claim)) {
      checkInterrupts();
      if (writeQueue.isBusy) this.#context.onBusy();
      const wait = new AbortController();
      this.#waits.add(wait);
      try {
        await writeQueue.acquire(claim, {
          timeoutMs: busyTimeoutMs === Infinity ? Infinity : timeoutMs,
          signal: wait.signal,
        });
      } catch (thrown) {
        if (thrown === wait.signal.reason) {
          this.checkAlive();
          checkInterrupts();
        }
        throw thrown;
      } finally {
        this.#waits.delete(wait);
      }
    }
    this.#hasPermit = true;
    checkInterrupts();
  }

  #claim(sql: string | undefined): WriteClaim {
    return { pool: this.#context.pool, connection: this.id, sql };
  }

  /** The permit is held for as long as SQLite's lock is. */
  #returnPermit(): void {
    if (!this.#hasPermit || this.#txn === 2) return;
    this.#hasPermit = false;
    this.#context.writeQueue.release();
  }

  #failure(error: Error, job: Job): unknown {
    const isOwn = error instanceof StorageError && error.reason === "io" && !job.elsewhere;
    if (isOwn) this.suspect = error;
    const interrupted = error instanceof SqliteError && (error.resultCode & 0xff) === INTERRUPT;
    return interrupted && job.signal?.aborted ? job.signal.reason : error;
  }
}

const ANSWERED = Promise.resolve();
const FRESH = { txn: 0, autocommit: true, tainted: false, error: undefined } as const;

function ignore(): void {}

/** Another connection holds a lock. BUSY_SNAPSHOT is left out: waiting does not help it. */
function isBusy(error: Error | undefined): boolean {
  if (!(error instanceof SqliteError)) return false;
  return error.resultCode === BUSY || error.resultCode === BUSY_RECOVERY;
}
