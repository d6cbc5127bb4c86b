// Who holds which connection. A lease begins when a link leaves the pool as a `Connection`, and ends
// when that is released, or when the pool takes it back.

import { clock } from "../clock.ts";
import { ConnectionReleasedError, PoolError } from "../errors.ts";
import { addCallSite } from "./call-site.ts";
import { Connection } from "./connection.ts";
import { armLimits, startTimer } from "./deadline.ts";
import { IdleTimer } from "./idle-timer.ts";
import { type Lease, scopesOf, watchForLeak } from "./lease.ts";
import { LeasePool } from "./lease-pool.ts";
import type { Link } from "./link.ts";
import type { Links } from "./links.ts";
import { type AcquireOptions, checkAcquireOptions } from "./options.ts";
import type { PoolContext } from "./pool-context.ts";
import { Refusals } from "./refusals.ts";
import type { ConnectionReport } from "./stats.ts";

/** Threads start side by side, but not so many that they only hinder each other. */
const MOST_OPENINGS = 4;

/** How long what was interrupted may take to end before its thread is ended. */
const INTERRUPT_GRACE_MS = 1_000;

const FIRST = { waitedMs: 0, stack: undefined };

/** Who asks for a connection, and for which purpose. */
interface Borrower {
  readonly readonly: boolean;
  readonly waitMs: number;
  readonly stack: string | undefined;
}

/** Lends the links of one pool. */
export class Lending {
  readonly refusals: Refusals;
  readonly #context: PoolContext;
  readonly #links: Links;
  readonly #pool: LeasePool<Link>;
  readonly #idleTimer: IdleTimer;
  readonly #leases = new Map<Link, Lease>();
  /** Resolves when a pool that is being closed is to wait no longer. */
  readonly #hurried: Promise<void>;
  #hurry: () => void = () => {};
  #hurryTimer: ReturnType<typeof setTimeout> | undefined;
  #hurryAt = Number.POSITIVE_INFINITY;

  constructor(context: PoolContext, links: Links) {
    const { backend, options, events } = context;
    this.#context = context;
    this.#links = links;
    links.onFree = () => this.#pool.serve();
    const most = Math.min(options.maxConnections, backend.mostConnections);
    const mostOpenings = Math.min(Math.max(backend.threads, 1), MOST_OPENINGS);
    this.#pool = new LeasePool<Link>(most, mostOpenings, {
      open: () => links.open(),
      choose: (idle) => links.pick(idle, (link) => this.#leases.has(link)),
      close: (link, reason) => links.close(link, reason),
      timedOut: (waitedMs) => this.refusals.timedOut(waitedMs),
      refuse: (waiting) => this.refusals.exhausted(waiting),
      onWait: (waiting) => events.emit("wait", { waiting }),
      onUnused: () => this.#idleTimer.arm(),
    });
    this.refusals = new Refusals(context, this.#pool, this.#leases);
    this.#idleTimer = new IdleTimer(this.#pool, options.idleTimeout);
    this.#hurried = new Promise((resolve) => {
      this.#hurry = resolve;
    });
  }

  /** Counts, and what sets how many there may be. */
  get pool(): Pick<
    LeasePool<Link>,
    "outCount" | "idleCount" | "totalCount" | "waitingCount" | "max" | "evict"
  > {
    return this.#pool;
  }

  /** Sets how many connections may be open: no more than the engine can have. */
  resize(maxConnections: number): void {
    this.#pool.resize(Math.min(maxConnections, this.#context.backend.mostConnections));
  }

  /** Every open connection, in the order of their numbers. */
  report(): ConnectionReport[] {
    const now = clock.now();
    const links = [...this.#pool.idle, ...this.#pool.out].sort((a, b) => a.id - b.id);
    return links.map((link) => {
      const lease = this.#leases.get(link);
      return {
        connection: link.id,
        thread: this.#links.threadOf(link),
        lentMs: lease === undefined ? undefined : now - lease.since,
        sql: link.runningSql,
        inTransaction: link.inTransaction,
      };
    });
  }

  /** Ends the thread of a connection, idle or lent. @throws RangeError where there is none */
  async terminateThreadOf(connection: number): Promise<void> {
    const links = [...this.#pool.idle, ...this.#pool.out];
    const link = links.find(({ id }) => id === connection);
    if (link === undefined) throw new RangeError(`the pool has no connection ${connection}`);
    await this.#links.terminateThreadOf(link);
  }

  /**
   * A lease, at once where a connection is idle.
   * @param before what its borrower has waited before, and the stack of where it asked
   */
  acquire(
    options: AcquireOptions | undefined,
    readonly: boolean,
    before: { readonly waitedMs: number; readonly stack: string | undefined } = FIRST,
  ): Connection | Promise<Connection> {
    if (options !== undefined) checkAcquireOptions(options);
    const link = options?.signal?.aborted ? undefined : this.#pool.tryAcquire();
    const stack = before.stack ?? this.stackOfBorrower();
    const borrower = { readonly, waitMs: before.waitedMs, stack };
    return link === undefined ? this.#acquireLater(options, borrower) : this.#lend(link, borrower);
  }

  /**
   * Ends a lease; gives a promise only where the connection has to be cleaned first.
   * @throws ConnectionReleasedError, TypeError
   */
  release(connection: Connection): Promise<void> | undefined {
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
    const { counters } = this.#context;
    connection.end();
    this.#leases.delete(link);
    lease.settle();
    const heldMs = clock.now() - lease.since;
    counters.released++;
    counters.held.record(heldMs);
    if (link.isClean && !link.isBusy) {
      this.#takeBack(link, heldMs);
      return undefined;
    }
    return this.#links.clean(link).then(() => this.#takeBack(link, heldMs));
  }

  /** Ends a lease, unless its borrower or `drain` has done so. */
  async giveBack(connection: Connection): Promise<void> {
    if (!connection.isReleased) await this.release(connection);
  }

  /** Lends nothing until `resume`. */
  pause(): void {
    this.#pool.pause();
  }

  /**
   * Waits for what is out, and closes every link; nothing is lent meanwhile. False where `calledOff` is
   * aborted before that: then nothing is closed.
   */
  async closeAll(timeoutMs: number, calledOff: AbortSignal): Promise<boolean> {
    await this.#drain(timeoutMs, calledOff);
    if (calledOff.aborted) return false;
    this.#pool.shut(undefined);
    return true;
  }

  resume(): void {
    this.#pool.resume();
  }

  /** Lends nothing any more, waits for what is out, and closes every link. */
  async close(timeoutMs: number, makeError: () => Error): Promise<void> {
    this.#idleTimer.stop();
    this.#pool.shut(makeError);
    await this.#drain(timeoutMs);
  }

  /** Has a `close` that still waits for borrowers wait for `timeoutMs` more at most. */
  closeWithin(timeoutMs: number): void {
    const deadline = clock.now() + timeoutMs;
    if (this.#isEmpty || deadline >= this.#hurryAt) return;
    this.#hurryAt = deadline;
    clearTimeout(this.#hurryTimer);
    this.#hurryTimer = startTimer(timeoutMs, this.#hurry);
  }

  get #isEmpty(): boolean {
    return this.#pool.outCount + this.#pool.openingCount === 0;
  }

  /** A link whose thread has died: dropped if it is idle, else when it comes back. */
  lost(link: Link, error: Error): void {
    if (this.#pool.idle.includes(link)) this.#replace(link, error.message);
  }

  async #acquireLater(
    options: AcquireOptions | undefined,
    borrower: Borrower,
  ): Promise<Connection> {
    const started = clock.now();
    const link = await this.#wait(options);
    const waitMs = borrower.waitMs + clock.now() - started;
    return this.#lend(link, { ...borrower, waitMs });
  }

  /** Where a connection is asked for, looked up only while leaks are looked for: it has a price. */
  stackOfBorrower(): string | undefined {
    const { leakThreshold } = this.#context.options;
    return leakThreshold === 0 ? undefined : new Error("acquired here").stack;
  }

  async #wait(options: AcquireOptions | undefined): Promise<Link> {
    // Told of the abort, and not of what the wait would have come to.
    if (!options?.signal?.aborted && this.#isNested()) {
      throw this.refusals.nested("every connection is held by the calls around this one", true);
    }
    const { signal } = options ?? {};
    const timeoutMs = options?.timeout ?? this.#context.options.acquireTimeout;
    try {
      return await this.#pool.acquire({ timeoutMs, signal });
    } catch (thrown) {
      if (signal?.aborted && thrown === signal.reason) this.#context.counters.aborted++;
      else if (thrown instanceof PoolError) addCallSite(thrown);
      throw thrown;
    }
  }

  /** What is out is all held by the very calls that this one is made from: nothing can come back. */
  #isNested(): boolean {
    const scopes = this.#context.backend.context?.get();
    if (scopes === undefined || !this.#pool.isExhausted) return false;
    const own = new Set<Link>();
    for (const { connection } of scopesOf(scopes, this.#context)) own.add(connection.link);
    if (own.size === 0) return false;
    for (const link of this.#pool.out) if (!own.has(link)) return false;
    return true;
  }

  #lend(link: Link, { readonly, waitMs, stack }: Borrower): Connection {
    const { options, counters, events, lender } = this.#context;
    const connection = new Connection(link, lender, readonly || options.readonly);
    this.#leases.set(link, this.#newLease(connection, link, stack));
    counters.acquired++;
    counters.acquireWait.record(waitMs);
    if (events.has("acquire")) events.emit("acquire", { connection: link.id, waitMs });
    return connection;
  }

  #newLease(connection: Connection, link: Link, stack: string | undefined): Lease {
    const { options, counters, events } = this.#context;
    const since = clock.now();
    if (options.leakThreshold === 0) return { connection, link, since, settle() {} };
    const settle = watchForLeak(options.leakThreshold, () => {
      counters.leaked++;
      const heldMs = clock.now() - since;
      const report = { connection: link.id, heldMs, stack: stack ?? "", sql: link.runningSql };
      events.emit("leak", report);
    });
    return { connection, link, since, settle };
  }

  #takeBack(link: Link, heldMs: number): void {
    const unfitness = this.#links.unfitness(link);
    if (unfitness === undefined) {
      link.idleSince = clock.now();
      this.#pool.release(link);
      this.#idleTimer.arm();
    } else this.#replace(link, unfitness);
    const { events } = this.#context;
    if (events.has("release")) events.emit("release", { connection: link.id, heldMs });
  }

  /** Drops a link; another one is opened when it is needed. */
  #replace(link: Link, reason: string): void {
    const { counters, events } = this.#context;
    counters.replaced++;
    events.emit("replace", { connection: link.id, reason });
    this.#pool.discard(link, reason);
  }

  /** Waits for what is out; then interrupts it, and in the end ends the threads it runs in. */
  async #drain(timeoutMs: number, calledOff?: AbortSignal): Promise<void> {
    const hurried = calledOff === undefined ? this.#hurried : undefined;
    const isEmpty = await this.#emptyWithin(timeoutMs, calledOff, hurried);
    clearTimeout(this.#hurryTimer);
    if (isEmpty || calledOff?.aborted) return;
    this.#links.abandonPreparations();
    for (const { link, connection } of [...this.#leases.values()]) {
      link.revoke();
      // Cleaning reports no error: it marks the link as broken.
      void this.release(connection);
    }
    if (await this.#emptyWithin(INTERRUPT_GRACE_MS, calledOff)) return;
    if (calledOff?.aborted) return;
    // A pool that is only suspended goes on later.
    await this.#links.terminateThreads({ retriable: calledOff !== undefined });
    await this.#emptyWithin(Number.POSITIVE_INFINITY, calledOff);
  }

  #emptyWithin(
    timeoutMs: number,
    calledOff: AbortSignal | undefined,
    hurried?: Promise<void>,
  ): Promise<boolean> {
    return new Promise((resolve) => {
      if (calledOff?.aborted) return resolve(false);
      const giveUp = () => resolve(false);
      const disarm = armLimits({ timeoutMs, signal: calledOff }, giveUp, giveUp);
      const end = (isEmpty: boolean) => {
        disarm();
        resolve(isEmpty);
      };
      void this.#pool.whenEmpty().then(() => end(true));
      void hurried?.then(() => end(false));
    });
  }
}
