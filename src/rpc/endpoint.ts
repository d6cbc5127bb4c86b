// What the two ends of a thread say to each other through `postMessage`.

import type { Fallback, StorageKind } from "../types.ts";
import type { Reply, Request, ThreadConfig } from "./protocol.ts";
import type { WireError } from "./wire-error.ts";

/** The other thread, as this one sees it. */
export interface Endpoint {
  /** Sends plain data; the buffers of `transfer` change hands. */
  post(message: unknown, transfer: ArrayBuffer[]): void;
  /** Called with each message that comes. One listener; set before the first message is sent. */
  onMessage(listener: (message: unknown) => void): void;
  /** Called once when the thread is gone, with the error that ended it, if one did. */
  onExit(listener: (error: Error | undefined) => void): void;
  /** The thread keeps the process alive from now on. */
  ref(): void;
  /** The thread does not keep the process alive from now on. */
  unref(): void;
  /** Ends the thread at once. */
  terminate(): Promise<void>;
}

/** The caller's thread, as the thread that owns SQLite sees it. */
export interface HostEndpoint extends Pick<Endpoint, "post" | "onMessage"> {
  /** Takes the next message, without a return to the event loop; undefined where none is there. */
  receive?(): unknown;
}

/** Memory shared by the two threads, for small requests and replies (`ring.ts`). */
export interface Rings {
  readonly requests: SharedArrayBuffer;
  readonly replies: SharedArrayBuffer;
}

/** Requests are numbered from 1 to this, and then from 1 again. */
export const LAST_SERIAL = 0x7fffffff;

/** A request and its number, by which the reply finds its way back. */
export interface NumberedRequest {
  readonly serial: number;
  readonly request: Request;
}

/** A reply whose rows are packed and whose error is plain data. */
export interface NumberedReply extends Omit<Reply, "error"> {
  readonly serial: number;
  readonly error: WireError | undefined;
}

/** To the thread that owns SQLite. */
export type ToHost =
  | { readonly type: "requests"; readonly requests: readonly NumberedRequest[] }
  | { readonly type: "close" }
  /** What a result was packed in, which has been read. */
  | { readonly type: "spare"; readonly buffer: ArrayBuffer }
  /** Wakes a thread that has fallen asleep beside its ring. */
  | { readonly type: "wake" }
  /** Others come by the event loop: from now on the thread is not to stay away from it. */
  | { readonly type: "mingle" };

/** To the caller's thread. */
export type FromHost =
  | { readonly type: "replies"; readonly replies: readonly NumberedReply[] }
  | { readonly type: "closed"; readonly error: WireError | undefined }
  /** The thread has left the caller: what it has not answered has not run. */
  | { readonly type: "left" };

/** What a thread is started with. */
export interface ThreadStart {
  readonly config: ThreadConfig;
  readonly interrupts: Int32Array | undefined;
  readonly rings: Rings | undefined;
}

/** Which database's other tabs a worker is open to, the name it has among them, and whose it is. */
export interface GuestOptions {
  readonly database: string;
  readonly thread: string;
  readonly owner: string;
  /** By which their statements are stopped (`guest-interrupts.ts`); undefined where memory cannot be shared. */
  readonly interrupts: Int32Array | undefined;
}

/** What a browser's worker is started with: its first message. */
export interface WebThreadStart extends ThreadStart {
  /** The Web Lock that the worker holds for as long as it lives; undefined where there are none. */
  readonly lifeLock: string | undefined;
  /** Other tabs may use the worker as well; undefined where it is the pool's alone. */
  readonly guests: GuestOptions | undefined;
}

/** The first message of a browser's worker. */
export interface WebThreadStarted extends ThreadStarted {
  /** Undefined where there is an error. */
  readonly found: FoundStorage | undefined;
}

/** The storage that a thread has opened. */
export interface FoundStorage {
  readonly storage: StorageKind;
  /** Other threads can have the same files open. */
  readonly sharesFiles: boolean;
  /** Databases beside the pool's own can be opened. */
  readonly attachStored: boolean;
  /** What would have been preferred, and why it is not available. */
  readonly fallbacks: readonly Fallback[];
}

/** What a worker thread of Node, Deno or Bun is started with. */
export interface NodeThreadStart<Port = unknown> extends ThreadStart {
  /** Its end of the channel through which all messages go. */
  readonly port: Port;
}

/** To a browser's worker, with a port: the port is for that line (`tab-protocol.ts`). */
export interface LinePort {
  readonly line: string;
}

/** The first message of a thread. */
export interface ThreadStarted {
  /** Why SQLite could not be started there; the thread then has nothing to do. */
  readonly error: WireError | undefined;
}
