// A connection for as long as a callback or a request runs: borrowed when it is due, given back whatever
// happens, and another one where it is lost before anything has come of it.

import { clock } from "../clock.ts";
import { ConnectionReleasedError, SqliteError, WorkerCrashedError } from "../errors.ts";
import { INTERRUPT } from "../result-codes.ts";
import type { Connection } from "./connection.ts";
import type { LeaseScope } from "./lease.ts";
import type { Lending } from "./lending.ts";
import type { AcquireOptions, QueryOptions } from "./options.ts";
import type { PoolContext } from "./pool-context.ts";
import type { WriterTurn } from "./writer-turn.ts";

/** How many connections a call is tried on that are lost before anything has come of it. */
const MOST_TRIES = 3;

/** Lends a connection to its argument. */
type Lend = <T>(body: (db: Connection) => T | Promise<T>) => Promise<Awaited<T>>;

/** Borrows connections of one pool for calls of it. */
export class Borrowing {
  readonly #context: PoolContext;
  readonly #lending: Lending;
  readonly #turn: WriterTurn;

  constructor(context: PoolContext, lending: Lending, turn: WriterTurn) {
    this.#context = context;
    this.#lending = lending;
    this.#turn = turn;
  }

  /** Lends a connection to `body`, one that refuses to write with `readonly`. */
  async lend<T>(
    options: AcquireOptions | undefined,
    readonly: boolean,
    body: (db: Connection) => T | Promise<T>,
  ): Promise<Awaited<T>> {
    const db = await this.#lending.acquire(options, readonly);
    return await this.#scoped(db, false, body);
  }

  /** Lends a connection to `body` when it is this pool's caller's turn to write. */
  inTurn<T>(
    options: AcquireOptions | undefined,
    body: (db: Connection) => T | Promise<T>,
  ): Promise<Awaited<T>> {
    return this.#inTurn(options, (lendNow) => lendNow(body));
  }

  /**
   * Lends a connection to `run`, which is to call its second argument, `body`, in the end. One that is lost or
   * taken back before that is replaced: a pool that has been closed then says so, and one that is suspended lends
   * another one when it is resumed.
   */
  async untilBegun<T>(
    options: AcquireOptions | undefined,
    { readonly, inTurn }: { readonly readonly: boolean; readonly inTurn: boolean },
    body: (db: Connection) => T | Promise<T>,
    run: (db: Connection, body: (db: Connection) => T | Promise<T>) => Promise<Awaited<T>>,
  ): Promise<Awaited<T>> {
    let hasBegun = false;
    const begin = (db: Connection) => {
      hasBegun = true;
      return body(db);
    };
    const isAgain = (thrown: unknown) => !hasBegun && (hasNotRun(thrown) || isTakenBack(thrown));
    const attempts = (lendNow: Lend) => again(() => lendNow((db) => run(db, begin)), isAgain);
    return inTurn
      ? await this.#inTurn(options, attempts)
      : await attempts((each) => this.lend(options, readonly, each));
  }

  /** Has `body` lend connections, one after the other, while it is this pool's caller's turn to write. */
  async #inTurn<T>(
    options: AcquireOptions | undefined,
    body: (lendNow: Lend) => Promise<T>,
  ): Promise<T> {
    if (this.#context.options.readonly)
      return await body((each) => this.lend(options, false, each));
    const started = clock.now();
    const stack = this.#lending.stackOfBorrower();
    const turn = this.#turn.acquire(options);
    // What is there at once is taken at once: a call that comes later must not overtake this one.
    if (turn !== undefined) await turn;
    try {
      return await body((each) => this.#lendInTurn(options, { started, stack }, each));
    } finally {
      this.#turn.release();
    }
  }

  async #lendInTurn<T>(
    options: AcquireOptions | undefined,
    { started, stack }: { readonly started: number; readonly stack: string | undefined },
    body: (db: Connection) => T | Promise<T>,
  ): Promise<Awaited<T>> {
    this.#turn.pause();
    const waitedMs = clock.now() - started;
    const lease = this.#lending.acquire(shortened(options, waitedMs), false, { waitedMs, stack });
    const db = lease instanceof Promise ? await lease : lease;
    this.#turn.begin(lease !== db);
    return await this.#scoped(db, true, body);
  }

  /**
   * Makes one request; again where its connection is lost before the request has run, as one with a state of
   * its own is when another tab takes over, or is taken back.
   */
  async once<T>(
    writes: boolean,
    options: QueryOptions | undefined,
    request: (db: Connection) => Promise<T>,
  ): Promise<T> {
    const limits = signalOf(options);
    return writes && !this.#context.options.readonly
      ? await this.#inTurn<T>(limits, (lendNow) => again(() => lendNow(request), isUnrun))
      : await again(() => this.#lendFor(limits, request), isUnrun);
  }

  async #lendFor<T>(
    options: AcquireOptions | undefined,
    request: (db: Connection) => Promise<T>,
  ): Promise<T> {
    const lease = this.#lending.acquire(options, false);
    const db = lease instanceof Promise ? await lease : lease;
    try {
      return await request(db);
    } finally {
      const cleaned = db.isReleased ? undefined : this.#lending.release(db);
      if (cleaned !== undefined) await cleaned;
    }
  }

  /** Runs `body` where nested acquires can see whose lease it runs on, and releases the lease. */
  async #scoped<T>(
    db: Connection,
    writes: boolean,
    body: (db: Connection) => T | Promise<T>,
  ): Promise<Awaited<T>> {
    const { context } = this.#context.backend;
    try {
      if (context === undefined) return await body(db);
      const outer = context.get() as LeaseScope | undefined;
      const scope: LeaseScope = { pool: this.#context, connection: db, writes, outer };
      return await context.run(scope, () => body(db));
    } finally {
      await this.#lending.giveBack(db);
    }
  }
}

/** Of the options of a statement, what its wait for a connection needs. */
export function signalOf(
  options: { readonly signal?: AbortSignal | undefined } | undefined,
): AcquireOptions | undefined {
  return options?.signal === undefined ? undefined : { signal: options.signal };
}

/** Makes `attempt` again while `isAgain` says so of its failures, a few times at most. */
async function again<T>(
  attempt: () => Promise<T>,
  isAgain: (thrown: unknown) => boolean,
): Promise<T> {
  for (let triesLeft = MOST_TRIES; ; triesLeft--) {
    try {
      return await attempt();
    } catch (thrown) {
      if (triesLeft === 1 || !isAgain(thrown)) throw thrown;
    }
  }
}

/** Nothing has come of a request. */
function isUnrun(thrown: unknown): boolean {
  return hasNotRun(thrown) || thrown instanceof ConnectionReleasedError;
}

function hasNotRun(thrown: unknown): boolean {
  return thrown instanceof WorkerCrashedError && thrown.retriable && !thrown.mayHaveRun;
}

/**
 * Thrown where a connection was taken back. An interrupt tells that only of what no caller could interrupt: nobody
 * but a pool that is closed or suspended does so then.
 */
export function isTakenBack(thrown: unknown): boolean {
  return (
    thrown instanceof ConnectionReleasedError ||
    (thrown instanceof SqliteError && thrown.resultCode === INTERRUPT)
  );
}

/** What is left of a wait. */
function shortened(
  options: AcquireOptions | undefined,
  waitedMs: number,
): AcquireOptions | undefined {
  if (options?.timeout === undefined) return options;
  return { ...options, timeout: Math.max(0, options.timeout - waitedMs) };
}
