// Which thread a new connection goes to. Threads start one by one, as connections need them.

import { type CrashDetails, PoolClosedError, WorkerCrashedError } from "../errors.ts";
import type { Port, PortFactory } from "../rpc/port.ts";
import type { Link } from "./link.ts";

/** How many threads may die in a row before one of them has a connection open. */
const MOST_DEATHS = 3;

interface Thread {
  /** From 1, in the order they were started. */
  readonly number: number;
  readonly port: Promise<Port>;
  /** Connections that are being opened in it. */
  opening: number;
  readonly links: Set<Link>;
  /** Those that are being closed: others may take their place already. */
  readonly closing: Set<Link>;
  /** The port, once it is open. */
  opened: Port | undefined;
  /** It was told to end: nobody wants another one in its place. */
  isUnwanted: boolean;
}

/** The threads of one pool. */
export class Threads {
  readonly #most: () => number;
  readonly #start: PortFactory;
  readonly #onCrash: (links: readonly Link[], error: Error) => void;
  readonly #threads = new Set<Thread>();
  readonly #closing = new Set<Promise<void>>();
  #nextNumber = 1;

  constructor(
    most: () => number,
    start: PortFactory,
    onCrash: (links: readonly Link[], error: Error) => void,
  ) {
    this.#most = most;
    this.#start = start;
    this.#onCrash = onCrash;
  }

  get size(): number {
    return this.#threads.size;
  }

  /** Some thread's statements can be stopped while they run. */
  get canInterrupt(): boolean {
    return [...this.#threads].some(({ opened }) => opened?.canInterrupt);
  }

  get isParallel(): boolean {
    return [...this.#threads].some(({ opened }) => opened?.parallel);
  }

  /** The number of the thread that a link is in; 0 for one whose thread is gone. */
  numberOf(link: Link): number {
    return this.#threadOf(link)?.number ?? 0;
  }

  /** Ends the thread of a link without asking it, as a crash would. */
  async terminateThreadOf(link: Link): Promise<void> {
    const port = await this.#threadOf(link)?.port;
    await port?.terminate({ retriable: true });
  }

  /**
   * Makes a link in a new thread while there may be more, or in the one with the fewest of those that run
   * no statement; in another one where that thread dies meanwhile.
   */
  async place(makeLink: (port: Port) => Promise<Link>): Promise<Link> {
    for (let deaths = 1; ; deaths++) {
      const thread = this.#choose();
      thread.opening++;
      try {
        const link = await makeLink(await thread.port);
        thread.opening--;
        thread.links.add(link);
        return link;
      } catch (thrown) {
        thread.opening--;
        this.#endIfEmpty(thread);
        const hasDied = thrown instanceof WorkerCrashedError && thread.opened?.refuses;
        if (!hasDied || thread.isUnwanted || deaths === MOST_DEATHS) throw thrown;
      }
    }
  }

  /**
   * Which of the idle links to lend; the most recently used is the last of them. Preferably one in whose thread no
   * other connection is lent, else one whose thread runs no statement, since a thread runs one at a time. Undefined:
   * all would have to wait for their threads, and a new link would not.
   */
  pick(idle: readonly Link[], isLent: (link: Link) => boolean): Link | undefined {
    let free: Link | undefined;
    for (let i = idle.length - 1; i >= 0; i--) {
      const link = idle[i] as Link;
      const thread = this.#threadOf(link);
      if (thread === undefined || !some(thread, isLent)) return link;
      if (free === undefined && !isBusy(thread)) free = link;
    }
    if (free !== undefined || this.#hasFreeThread()) return free;
    return idle.at(-1);
  }

  /** A link is about to be closed: from now on its place in its thread is free. */
  vacate(link: Link): void {
    for (const { links, closing } of this.#threads) if (links.delete(link)) closing.add(link);
  }

  /** A link has gone; a thread without any is ended, but for the last one. */
  remove(link: Link): void {
    for (const thread of this.#threads) {
      if (thread.links.delete(link) || thread.closing.delete(link)) this.#endIfEmpty(thread);
    }
  }

  /** Ends all threads. */
  async close(): Promise<void> {
    for (const thread of this.#threads) this.#end(thread);
    await Promise.all(this.#closing);
  }

  /** Ends all threads without asking them. Those that have not started yet are not waited for. */
  async terminate(details: Pick<CrashDetails, "retriable">): Promise<void> {
    const threads = [...this.#threads];
    this.#threads.clear();
    await Promise.all(
      threads.map((thread) => {
        thread.isUnwanted = true;
        if (thread.opened !== undefined) return thread.opened.terminate(details);
        void thread.port.then((port) => port.terminate()).catch(() => {});
        return undefined;
      }),
    );
  }

  #threadOf(link: Link): Thread | undefined {
    for (const thread of this.#threads) if (thread.links.has(link)) return thread;
    return undefined;
  }

  /** A new link would not wait for what its thread runs. */
  #hasFreeThread(): boolean {
    const alive = [...this.#threads].filter(({ opened }) => !opened?.refuses);
    return alive.length < this.#most() || !alive.every(isBusy);
  }

  #choose(): Thread {
    let best: Thread | undefined;
    let alive = 0;
    for (const thread of this.#threads) {
      if (thread.opened?.refuses) continue;
      alive++;
      if (best === undefined || isBetter(thread, best)) best = thread;
    }
    if (best !== undefined && (load(best) === 0 || alive >= this.#most())) return best;
    const thread: Thread = {
      number: this.#nextNumber++,
      port: this.#start(),
      opening: 0,
      links: new Set(),
      closing: new Set(),
      opened: undefined,
      isUnwanted: false,
    };
    this.#threads.add(thread);
    this.#watch(thread).catch(() => this.#threads.delete(thread));
    return thread;
  }

  async #watch(thread: Thread): Promise<void> {
    const port = await thread.port;
    thread.opened = port;
    port.onConnectionLost?.((connection, error) => {
      this.#onCrash(
        [...thread.links].filter(({ id }) => id === connection),
        error,
      );
    });
    const error = await port.closed;
    this.#threads.delete(thread);
    // Those of a thread that ended in good order have left it before.
    this.#onCrash([...thread.links], error ?? new PoolClosedError("the thread has been closed"));
  }

  #endIfEmpty(thread: Thread): void {
    const isEmpty = load(thread) === 0 && thread.closing.size === 0;
    if (isEmpty && this.#threads.size > 1) this.#end(thread);
  }

  #end(thread: Thread): void {
    this.#threads.delete(thread);
    const ended = thread.port.then(
      (port) => port.close(),
      () => {},
    );
    this.#closing.add(ended);
    const forget = () => this.#closing.delete(ended);
    // What goes wrong is heard by `close`, if that is called before it has.
    ended.then(forget, forget);
  }
}

/** A statement runs in it, or waits to, and not in the caller's own thread, where none can be under way. */
function isBusy(thread: Thread): boolean {
  return thread.opened?.parallel === true && some(thread, (link) => link.isBusy);
}

function isBetter(thread: Thread, other: Thread): boolean {
  const [busy, otherBusy] = [isBusy(thread), isBusy(other)];
  return busy === otherBusy ? load(thread) < load(other) : otherBusy;
}

function some({ links }: Thread, holds: (link: Link) => boolean): boolean {
  for (const link of links) if (holds(link)) return true;
  return false;
}

/** Connections that a thread has, or is about to have, for good. */
function load({ opening, links }: Thread): number {
  return opening + links.size;
}
