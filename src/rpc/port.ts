// One thread that owns SQLite, seen from the caller's side. `client.ts` implements it over a worker,
// `worker/inline.ts` in the calling thread; the pool knows only this.

import type { CrashDetails, WorkerCrashedError } from "../errors.ts";
import type { Reply, Request } from "./protocol.ts";

export interface Port {
  /** Statements run in another thread, and so at the same time as the caller's own code. */
  readonly parallel: boolean;
  /** `interrupt` reaches a statement while it runs (it never can in the calling thread). */
  readonly canInterrupt: boolean;
  /**
   * Sends a request. Never rejects or throws: a failure, the thread's death included, is
   * `Reply.error`. The reply comes at once where SQLite runs in the calling thread.
   */
  request(request: Request): Reply | Promise<Reply>;
  /** Interrupts whatever was sent to `connection` and has not been answered yet. */
  interrupt(connection: number): void;
  /** The thread is gone or told to go: whatever is sent is refused. */
  readonly refuses: boolean;
  /** Settles once, when the thread is gone: with the error if it died, undefined if it was closed. */
  readonly closed: Promise<WorkerCrashedError | undefined>;
  /**
   * Resolves when the thread is bound to end, although it has not ended: what is sent from then on may
   * never be answered. Undefined where nothing tells of it.
   */
  readonly ending?: Promise<void> | undefined;
  /** Calls `listener` for each connection that is lost while the port goes on, where that can be. */
  onConnectionLost?(listener: (connection: number, error: WorkerCrashedError) => void): void;
  /** Closes all connections of the thread and ends it. Idempotent. */
  close(): Promise<void>;
  /**
   * Ends the thread without asking it. Requests in flight answer `WorkerCrashedError`, which is `retriable`
   * where the pool goes on without the thread.
   */
  terminate(details?: Pick<CrashDetails, "retriable">): Promise<void>;
}

/** Starts a thread. Rejects when the thread cannot start. */
export type PortFactory = () => Promise<Port>;
