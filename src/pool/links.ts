// The SQLite connections of one pool from their opening to their end, whoever has borrowed them: each
// is placed in a thread, made as a new one between two borrowers, and closed or lost with its thread.

import { clock } from "../clock.ts";
import { asError, type CrashDetails, PoolClosedError } from "../errors.ts";
import type { Port } from "../rpc/port.ts";
import type { Reply, ResetResult } from "../rpc/protocol.ts";
import { Connection } from "./connection.ts";
import { Link } from "./link.ts";
import type { PoolContext } from "./pool-context.ts";
import { Threads } from "./threads.ts";

/** A call of `onConnect`. */
interface Preparation {
  readonly link: Link;
  /** Waits for it no longer. */
  readonly abandon: (why: Error) => void;
}

/** Opens, cleans and closes links. */
export class Links {
  /** Called when a link has nothing to do any more: its thread may serve others. */
  onFree: () => void = () => {};
  readonly #context: PoolContext;
  readonly #threads: Threads;
  readonly #closing = new Set<Promise<void>>();
  /** The calls of `onConnect` that have not ended. */
  readonly #preparing = new Set<Preparation>();

  /** `most`: how many links there may be now. `onLost` is told of each one whose thread has died. */
  constructor(
    context: PoolContext,
    most: () => number,
    onLost: (link: Link, error: Error) => void,
  ) {
    const { backend } = context;
    this.#context = context;
    this.#threads = new Threads(
      () => Math.min(backend.threads, most()),
      () => this.#openThread(),
      (links, error) => {
        for (const link of links) {
          link.abandon(error);
          this.#threads.remove(link);
          onLost(link, error);
        }
      },
    );
  }

  get threads(): number {
    return this.#threads.size;
  }

  /** Statements of different links run at the same time. */
  get isParallel(): boolean {
    return this.#threads.isParallel;
  }

  get canInterrupt(): boolean {
    return this.#threads.canInterrupt;
  }

  threadOf(link: Link): number {
    return this.#context.backend.threads === 0 ? 0 : this.#threads.numberOf(link);
  }

  /** See {@link Threads.pick}. */
  pick(idle: readonly Link[], isLent: (link: Link) => boolean): Link | undefined {
    return this.#threads.pick(idle, isLent);
  }

  /** Ends the thread of a link without asking it. */
  terminateThreadOf(link: Link): Promise<void> {
    return this.#threads.terminateThreadOf(link);
  }

  /** @throws what opening a connection, and `onConnect`, throw */
  async open(): Promise<Link> {
    const { counters, events } = this.#context;
    const started = clock.now();
    const link = await this.#threads.place((port) => this.#openIn(port));
    counters.created++;
    const durationMs = clock.now() - started;
    events.emit("create", { connection: link.id, durationMs });
    return link;
  }

  /** Makes a link as a new one, or marks it broken where that fails. */
  async clean(link: Link): Promise<void> {
    try {
      await link.settled();
      if (link.isClean || link.broken !== undefined) return;
      const sql = link.lastSql;
      link.open.clear();
      const { rolledBack, reopened } = (await tell(link, "reset")).result as ResetResult;
      if (rolledBack) this.#context.events.emit("dirty", { connection: link.id, sql });
      if (reopened) await this.#prepare(link);
    } catch (thrown) {
      // What it holds is free when it is closed.
      link.broken ??= asError(thrown);
    }
  }

  /** Why a link is not to be lent again, or undefined. */
  unfitness(link: Link): string | undefined {
    const fault = link.broken ?? link.suspect;
    if (fault !== undefined) return fault.message;
    const age = clock.now() - link.createdAt;
    return age > this.#context.options.maxLifetime ? "maxLifetime" : undefined;
  }

  /** Closes a link that has left the pool; `closed` waits for it. */
  close(link: Link, reason: string): void {
    const { counters, events } = this.#context;
    counters.closed++;
    events.emit("close", { connection: link.id, reason });
    this.#threads.vacate(link);
    const closed = closeInThread(link)
      .catch(() => {})
      .then(() => {
        link.abandon(new PoolClosedError(`connection ${link.id} is closed`));
        this.#threads.remove(link);
      });
    this.#closing.add(closed);
    void closed.finally(() => this.#closing.delete(closed));
  }

  /** Waits for the links that are being closed, and ends all threads. */
  async closeThreads(): Promise<void> {
    await Promise.all(this.#closing);
    await this.#threads.close();
  }

  /** Waits no longer for calls of `onConnect`: the connections they were made for are closed. */
  abandonPreparations(): void {
    for (const { link, abandon } of this.#preparing) {
      link.interrupt();
      abandon(new PoolClosedError(`connection ${link.id} was closed before onConnect had ended`));
    }
  }

  /** Ends all threads, whatever they do. */
  terminateThreads(details: Pick<CrashDetails, "retriable">): Promise<void> {
    return this.#threads.terminate(details);
  }

  async #openThread(): Promise<Port> {
    const port = await this.#context.backend.openThread();
    // Once for the thread: what is hooked to a promise stays there for as long as the promise does.
    void port.closed.then((error) => {
      for (const { link, abandon } of this.#preparing) {
        if (link.port !== port) continue;
        abandon(error ?? new PoolClosedError("the connection's thread is closed"));
      }
    });
    return port;
  }

  async #openIn(port: Port): Promise<Link> {
    const { backend, options, counters } = this.#context;
    const { writeQueue, lockReleased, announceChange } = backend;
    const link = new Link(backend.nextConnectionId(), port, {
      pool: options.name,
      busyTimeoutMs: options.busyTimeout,
      writeQueue,
      lockReleased,
      onFree: () => this.onFree(),
      onBusy: () => counters.busy++,
      onChange: announceChange,
    });
    await tell(link, "open");
    try {
      await this.#prepare(link);
      return link;
    } catch (thrown) {
      await tell(link, "close").catch(() => {});
      throw thrown;
    }
  }

  /** Runs `onConnect`; what it sets up is then part of a new connection. */
  async #prepare(link: Link): Promise<void> {
    const { options, lender } = this.#context;
    if (options.onConnect === undefined) return;
    const db = new Connection(link, lender, false);
    let abandon = (_: Error) => {};
    const abandoned = new Promise<never>((_, reject) => {
      abandon = reject;
    });
    const preparation = { link, abandon };
    this.#preparing.add(preparation);
    try {
      await Promise.race([options.onConnect(db), abandoned]);
    } finally {
      this.#preparing.delete(preparation);
      db.end();
    }
    await tell(link, "adopt");
    if (!link.inTransaction) return;
    throw new TypeError("onConnect left a transaction open; it must end with COMMIT or ROLLBACK");
  }
}

/** A broken link sends nothing more; what it has open in its thread is closed all the same. */
async function closeInThread(link: Link): Promise<void> {
  if (link.broken === undefined) await tell(link, "close");
  else if (!link.port.refuses) await link.port.request({ kind: "close", connection: link.id });
}

async function tell(link: Link, kind: "open" | "close" | "adopt" | "reset"): Promise<Reply> {
  const request = { kind, connection: link.id } as const;
  return link.send({ request: () => request, sql: undefined, writes: false });
}
