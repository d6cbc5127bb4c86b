// A port whose thread may change under it: a worker of this tab, or another tab's.
//
// When the thread is gone, the port finds the next one and opens its connections there. A connection
// that had nothing open but itself is as good there as it was: the pool notices nothing, and what it asked
// meanwhile is asked again. What is left:
//   - A request that may have written is not sent twice: nobody knows whether it ran. It fails, and its
//     error says so; the connection goes on.
//   - A connection with a transaction, a cursor, or a state of its own (temporary tables, what
//     `onConnect` set up) is lost with its thread, as that of any thread that dies is.
// A thread that is known to end soon is sent nothing any more: whoever sends it a write could only be told
// that nobody knows.

import {
  type CrashDetails,
  interruptedError,
  PoolClosedError,
  WorkerCrashedError,
} from "../../errors.ts";
import { failed, IDLE } from "../../rpc/idle-reply.ts";
import type { Port } from "../../rpc/port.ts";
import type { CursorResult, Reply, Request } from "../../rpc/protocol.ts";

/** One connection, as far as its port knows. */
interface Seat {
  /** It is in a transaction, or its state differs from a new one's. */
  hasState: boolean;
  /** What it writes goes with it, until it commits. */
  inTransaction: boolean;
  /** It was tainted and is taken for new all the same. */
  isAdopted: boolean;
  /** The open ones, and whether their statements may write. */
  readonly cursors: Map<number, boolean>;
  /** Why it is of no more use. */
  lost: WorkerCrashedError | undefined;
}

/** A request that no thread has been given yet. */
interface Waiting {
  readonly connection: number;
  /** Answers it as a statement that was interrupted. */
  stop(): void;
}

/** Threads that end in a row, when a connection is opened, before the port gives up. */
const MOST_DEATHS = 6;
/** Before the next one, after the first such end; twice as long after each other. */
const FIRST_PAUSE_MS = 20;

/** Finds a thread. @throws StorageError where there is none to be had, the signal's reason */
export type FindThread = (signal: AbortSignal | undefined) => Promise<Port>;

/** Whom a port tells of its moves. */
export interface RoamingListener {
  /** The thread is gone. */
  onLost(): void;
  /** There is another one. */
  onMoved(): void;
}

/** See the head of this file. */
export class RoamingPort implements Port {
  readonly parallel: boolean;
  readonly closed: Promise<WorkerCrashedError | undefined>;
  readonly #findThread: FindThread;
  readonly #listener: RoamingListener;
  readonly #seats = new Map<number, Seat>();
  readonly #waiting = new Set<Waiting>();
  #thread: Port | undefined;
  /** The thread is about to end. */
  #isEnding = false;
  #reaching: Promise<void> | undefined;
  /** Why nothing is sent any more. */
  #end: Error | undefined;
  /** Threads in a row that ended when a connection was opened in them. */
  #deaths = 0;
  /** Aborted when no thread is needed any more. */
  readonly #ended = new AbortController();
  #closing: Promise<void> | undefined;
  #settleClosed: (error: WorkerCrashedError | undefined) => void = () => {};
  #onConnectionLost: (connection: number, error: WorkerCrashedError) => void = () => {};

  /**
   * Until the first one is found, `signal` ends the search.
   * @throws what keeps the first one from being found
   */
  static async open(
    findThread: FindThread,
    listener: RoamingListener,
    signal: AbortSignal | undefined,
  ): Promise<RoamingPort> {
    return new RoamingPort(findThread, listener, await findThread(signal));
  }

  private constructor(findThread: FindThread, listener: RoamingListener, thread: Port) {
    this.#findThread = findThread;
    this.#listener = listener;
    this.parallel = thread.parallel;
    this.closed = new Promise((resolve) => {
      this.#settleClosed = resolve;
    });
    this.#use(thread);
  }

  get canInterrupt(): boolean {
    return this.#thread?.canInterrupt ?? false;
  }

  get refuses(): boolean {
    return this.#end !== undefined;
  }

  onConnectionLost(listener: (connection: number, error: WorkerCrashedError) => void): void {
    this.#onConnectionLost = listener;
  }

  request(request: Request): Reply | Promise<Reply> {
    if (this.#end !== undefined) return failed(this.#end);
    const lost = this.#seatOf(request)?.lost;
    if (lost !== undefined) return this.#answerLost(request, lost);
    const thread = this.#thread;
    if (thread === undefined) return this.#requestLater(request, this.#reach());
    // What it was sent before it may still answer.
    if (this.#isEnding) return this.#requestLater(request, thread.closed);
    const reply = thread.request(request);
    return reply instanceof Promise
      ? reply.then((late) => this.#received(thread, request, late))
      : this.#received(thread, request, reply);
  }

  interrupt(connection: number): void {
    for (const waiting of this.#waiting) if (waiting.connection === connection) waiting.stop();
    this.#thread?.interrupt(connection);
  }

  close(): Promise<void> {
    const end = new PoolClosedError("The connection's thread is closed; open a new pool.");
    this.#closing ??= this.#stop(end, undefined, (thread) => thread.close());
    return this.#closing;
  }

  /** Whatever runs is not run anywhere else. */
  terminate(details: Pick<CrashDetails, "retriable"> = {}): Promise<void> {
    const why = "The thread was ended while it may have had work to do.";
    const end = new WorkerCrashedError(why, details);
    return this.#stop(end, end, (thread) => thread.terminate(details));
  }

  /** Leaves the thread as it is, and looks for the next one. */
  leaveThread(): void {
    if (this.#thread !== undefined) this.#leave(this.#thread);
  }

  async #stop(
    end: Error,
    closed: WorkerCrashedError | undefined,
    stop: (thread: Port) => Promise<void>,
  ): Promise<void> {
    this.#end ??= end;
    this.#ended.abort(this.#end);
    const thread = this.#thread;
    this.#thread = undefined;
    try {
      await this.#reaching;
      if (thread !== undefined) await stop(thread);
    } finally {
      this.#settleClosed(closed);
    }
  }

  #use(thread: Port): void {
    this.#thread = thread;
    this.#isEnding = false;
    void thread.ending?.then(() => {
      if (this.#thread === thread) this.#isEnding = true;
    });
    void thread.closed.then(() => this.#leave(thread));
  }

  /** The thread is gone: what was open in it is lost, and the next one is looked for. */
  #leave(thread: Port): void {
    if (this.#thread !== thread) return;
    this.#thread = undefined;
    void thread.terminate();
    if (this.#end !== undefined) return;
    this.#listener.onLost();
    for (const [connection, seat] of this.#seats) {
      if (seat.lost !== undefined || !(seat.hasState || seat.cursors.size > 0 || seat.isAdopted)) {
        continue;
      }
      this.#lose(connection, seat, lostError({ mayHaveRun: false }));
    }
    void this.#reach();
  }

  #lose(connection: number, seat: Seat, error: WorkerCrashedError): void {
    seat.lost = error;
    this.#onConnectionLost(connection, error);
  }

  /** Resolves when there is a thread again, or when the port has ended for want of one. */
  #reach(): Promise<void> {
    this.#reaching ??= this.#tryReach()
      .catch((thrown) => this.#give(thrown))
      .finally(() => {
        this.#reaching = undefined;
      });
    return this.#reaching;
  }

  async #tryReach(): Promise<void> {
    while (this.#thread === undefined && this.#end === undefined) {
      if (this.#deaths >= MOST_DEATHS) {
        throw new Error(`${MOST_DEATHS} threads ended, one after another, when they opened it.`);
      }
      if (this.#deaths > 0) await this.#pause(FIRST_PAUSE_MS * 2 ** (this.#deaths - 1));
      const thread = await this.#findThread(this.#ended.signal);
      if (this.#end !== undefined) {
        await thread.close();
        return;
      }
      if (await this.#reopenIn(thread)) {
        this.#use(thread);
        this.#listener.onMoved();
      } else {
        this.#deaths++;
        await thread.terminate();
      }
    }
  }

  #pause(ms: number): Promise<void> {
    const { signal } = this.#ended;
    return new Promise((resolve) => {
      const done = () => {
        clearTimeout(timer);
        signal.removeEventListener("abort", done);
        resolve();
      };
      const timer = setTimeout(done, ms);
      signal.addEventListener("abort", done);
    });
  }

  /** Opens the connections that are not lost; false when the thread is gone before that is done. */
  async #reopenIn(thread: Port): Promise<boolean> {
    const open = [...this.#seats].filter(([, { lost }]) => lost === undefined);
    const replies = await Promise.all(
      open.map(async ([connection, seat]) => {
        const { error } = await thread.request({ kind: "open", connection });
        if (error === undefined || error instanceof WorkerCrashedError) return error;
        this.#lose(connection, seat, lostError({ mayHaveRun: false, cause: error }));
        return undefined;
      }),
    );
    return replies.every((error) => error === undefined);
  }

  /** No thread is to be had: the pool's next try begins anew, and hears why. */
  #give(thrown: unknown): void {
    // Whoever ends the port settles it.
    if (this.#end !== undefined) return;
    const error = new WorkerCrashedError("No tab could open the database.", {
      cause: thrown,
      mayHaveRun: false,
      retriable: true,
    });
    this.#end = error;
    this.#settleClosed(error);
  }

  #requestLater(request: Request, when: Promise<unknown>): Promise<Reply> {
    return new Promise((resolve) => {
      const send = () => resolve(this.request(request));
      if (!("timeoutMs" in request)) {
        void when.then(send);
        return;
      }
      const waiting: Waiting = {
        connection: request.connection,
        stop: () => {
          this.#waiting.delete(waiting);
          resolve(failed(interruptedError("sql" in request ? request.sql : undefined)));
        },
      };
      this.#waiting.add(waiting);
      void when.then(() => {
        if (this.#waiting.delete(waiting)) send();
      });
    });
  }

  #received(thread: Port, request: Request, reply: Reply): Reply | Promise<Reply> {
    if (!(reply.error instanceof WorkerCrashedError)) {
      this.#deaths = 0;
      this.#note(request, reply);
      return reply;
    }
    if (request.kind === "open") this.#deaths++;
    // Asked to end, it is not replaced.
    if (this.#end !== undefined) return reply;
    this.#leave(thread);
    const seat = this.#seatOf(request);
    const mayHaveRun = reply.error.mayHaveRun && mayLeaveTraces(request, seat);
    if (seat?.lost !== undefined) return this.#answerLost(request, lostError({ mayHaveRun }));
    if (!mayHaveRun) return this.#requestLater(request, this.#reach());
    return failed(
      new WorkerCrashedError(
        "The thread that ran the statement is gone: whether it took effect is unknown. Look, before you run it again.",
        { mayHaveRun, retriable: true, connectionLost: false },
      ),
    );
  }

  #answerLost(request: Request, error: WorkerCrashedError): Reply {
    if (request.kind !== "close") return failed(error);
    this.#seats.delete(request.connection);
    return IDLE;
  }

  #seatOf(request: Request): Seat | undefined {
    return request.kind === "file" ? undefined : this.#seats.get(request.connection);
  }

  #note(request: Request, reply: Reply): void {
    if (request.kind === "file") return;
    const { kind, connection } = request;
    if (kind === "close") {
      this.#seats.delete(connection);
      return;
    }
    let seat = this.#seats.get(connection);
    if (kind === "open" && reply.error === undefined && seat === undefined) {
      seat = {
        hasState: false,
        inTransaction: false,
        isAdopted: false,
        cursors: new Map(),
        lost: undefined,
      };
      this.#seats.set(connection, seat);
    }
    if (seat === undefined) return;
    if (kind === "adopt") seat.isAdopted = seat.hasState;
    seat.inTransaction = !reply.autocommit;
    seat.hasState = seat.inTransaction || reply.tainted;
    if (kind === "openCursor" || kind === "fetch") {
      const { cursor } = request;
      const open = reply.error === undefined && !(reply.result as CursorResult).done;
      const mayWrite = kind === "openCursor" ? request.permit : seat.cursors.get(cursor);
      if (open) seat.cursors.set(cursor, mayWrite ?? false);
      else seat.cursors.delete(cursor);
    } else if (kind === "closeCursor") seat.cursors.delete(request.cursor);
    else if (kind === "reset") seat.cursors.clear();
  }
}

function lostError(details: { readonly mayHaveRun: boolean; readonly cause?: unknown }) {
  const known = details.mayHaveRun
    ? "whether its latest statement took effect is unknown"
    : "what was open in it was rolled back";
  return new WorkerCrashedError(`The thread of the connection is gone: ${known}.`, {
    ...details,
    retriable: true,
  });
}

/** By its first word, a statement that leaves the transaction it is in open, or rolls it back as it fails. */
const STAYS_INSIDE = /^\s*(?:select|insert|update|delete|replace|with|values|savepoint)\b/i;
/** One that at most rolls back. What follows it, in a batch, may be outside of any transaction. */
const ROLLS_BACK = /^\s*rollback\b/i;
const ONLY_BEGINS = /^\s*begin\b/i;

/** The request, which runs this one statement, cannot have committed: it began or ended inside a transaction. */
function cannotCommit(sql: string, seat: Seat | undefined): boolean {
  if (ONLY_BEGINS.test(sql)) return true;
  return Boolean(seat?.inTransaction) && (STAYS_INSIDE.test(sql) || ROLLS_BACK.test(sql));
}

/** The request, if it ran, may have changed the database for good. What is not known for certain may. */
function mayLeaveTraces(request: Request, seat: Seat | undefined): boolean {
  switch (request.kind) {
    case "open":
    case "close":
    case "adopt":
    case "describe":
      return false;
    // Outside of a transaction, a statement that writes commits when its cursor comes to its end.
    case "fetch":
    case "closeCursor":
      return !seat?.inTransaction && (seat?.cursors.get(request.cursor) ?? false);
    case "reset":
      return !seat?.inTransaction && [...(seat?.cursors.values() ?? [])].includes(true);
    // Without the permit nothing that writes has been run.
    case "run":
    case "watch":
    case "openCursor":
      return request.permit && !cannotCommit(request.sql, seat);
    case "many":
      return request.permit && !(seat?.inTransaction && STAYS_INSIDE.test(request.sql));
    case "batch": {
      const staysInside = request.statements.every(({ sql }) => STAYS_INSIDE.test(sql));
      return request.permit && !(seat?.inTransaction && staysInside);
    }
    case "script":
      return request.permit;
    case "backup":
    case "import":
    case "file":
      return true;
    default:
      return request satisfies never;
  }
}
