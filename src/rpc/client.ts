// The end of the protocol in the caller's thread.

import {
  asError,
  type CrashDetails,
  crashFor,
  PoolClosedError,
  WorkerCrashedError,
} from "../errors.ts";
import { INTERRUPT } from "../result-codes.ts";
import {
  type Endpoint,
  type FromHost,
  LAST_SERIAL,
  type NumberedReply,
  type ToHost,
} from "./endpoint.ts";
import { failed } from "./idle-reply.ts";
import { packedRowsOf, unpackResult } from "./packed-reply.ts";
import type { Port } from "./port.ts";
import type { Reply, Request } from "./protocol.ts";
import { type RingOptions, RingTransport } from "./ring-transport.ts";
import { isWorthKeeping } from "./spare-buffers.ts";
import { MessageTransport, type Transport } from "./transport.ts";
import { fromWire } from "./wire-error.ts";

/** Connections share these words; a word names one request, so a stranger's is rarely hit. */
export const INTERRUPT_WORDS = 4096;

/** How a {@link ThreadClient} talks to its thread. */
export interface ThreadClientOptions {
  /**
   * {@link INTERRUPT_WORDS} words that the thread reads while a statement runs; undefined where
   * memory cannot be shared.
   */
  readonly interrupts: Int32Array | undefined;
  /** Asks whoever shares memory with the thread to stop what `connection` has sent, up to `serial`. */
  readonly interruptBy?: ((connection: number, serial: number) => void) | undefined;
  /** Memory that small requests and replies go through; undefined: all go by `postMessage`. */
  readonly rings?: RingOptions | undefined;
  /** The thread takes messages also while it is busy, and so the buffers of results back. */
  readonly givesBack?: boolean;
  /** See {@link Port.ending}. */
  readonly ending?: Promise<void> | undefined;
}

const LEFT = { mayHaveRun: false, retriable: true } as const;

interface Outstanding {
  readonly request: Request;
  readonly resolve: (reply: Reply) => void;
}

/**
 * A thread that owns SQLite, at the other end of an {@link Endpoint}. While a request is outstanding
 * the thread keeps the process alive.
 */
export class ThreadClient implements Port {
  readonly parallel = true;
  readonly canInterrupt: boolean;
  readonly closed: Promise<WorkerCrashedError | undefined>;
  readonly ending: Promise<void> | undefined;
  readonly #endpoint: Endpoint;
  readonly #transport: Transport;
  readonly #interrupts: Int32Array | undefined;
  readonly #interruptBy: ThreadClientOptions["interruptBy"];
  readonly #givesBack: boolean;
  /** By serial, and so in the order they were sent. */
  readonly #outstanding = new Map<number, Outstanding>();
  #serial = 0;
  #refs = 0;
  /** The error of a request that is refused, once they are. */
  #refusal: (() => Error) | undefined;
  #gone = false;
  #terminating = false;
  #closing: Promise<void> | undefined;
  #settleClosed: (error: WorkerCrashedError | undefined) => void = () => {};
  #settleClosing: (error: Error | undefined) => void = () => {};

  constructor(endpoint: Endpoint, options: ThreadClientOptions) {
    this.#endpoint = endpoint;
    this.#interrupts = options.interrupts;
    this.#interruptBy = options.interruptBy;
    this.#givesBack = options.givesBack ?? false;
    this.canInterrupt = options.interrupts !== undefined || options.interruptBy !== undefined;
    this.ending = options.ending;
    this.closed = new Promise((resolve) => {
      this.#settleClosed = resolve;
    });
    const listener = {
      received: (message: FromHost) => this.#receive(message),
      failed: (serial: number, error: Error) => this.#settle(serial, failed(error)),
    };
    this.#transport =
      options.rings === undefined
        ? new MessageTransport(endpoint, listener)
        : new RingTransport(endpoint, options.rings, listener);
    endpoint.onExit((error) => this.#exited(error));
    endpoint.unref();
  }

  get refuses(): boolean {
    return this.#refusal !== undefined;
  }

  request(request: Request): Reply | Promise<Reply> {
    if (this.#refusal !== undefined) return failed(this.#refusal());
    const serial = this.#nextSerial();
    return new Promise((resolve) => {
      this.#ref();
      this.#outstanding.set(serial, { request, resolve });
      this.#transport.send({ serial, request });
    });
  }

  interrupt(connection: number): void {
    if (!this.canInterrupt) return;
    let newest = 0;
    for (const [serial, { request }] of this.#outstanding) {
      if ("connection" in request && request.connection === connection) newest = serial;
    }
    if (newest === 0) return;
    const words = this.#interrupts;
    if (words !== undefined) Atomics.store(words, connection % INTERRUPT_WORDS, newest);
    else this.#interruptBy?.(connection, newest);
  }

  /** Tells the thread that it is not this caller's alone any more. */
  mingle(): void {
    if (this.#refusal === undefined) this.#transport.mingle();
  }

  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async terminate(details: Pick<CrashDetails, "retriable"> = {}): Promise<void> {
    this.#terminating = true;
    const why = "The thread was ended while it may have had work to do.";
    const error = new WorkerCrashedError(why, details);
    this.#refusal ??= () => crashFor(error, false);
    // A late reply must not be what lets the process end before this has.
    this.#ref();
    // Deno ends a thread only when it returns to its event loop: what it runs has to end before.
    this.#interrupts?.fill(LAST_SERIAL);
    // Until it has really stopped, its locks are its own: `closed` must not settle before.
    await this.#endpoint.terminate();
    this.#die(error);
  }

  /** What was sent before is answered before: the message to close comes last. */
  async #close(): Promise<void> {
    if (this.#gone) return;
    this.#refusal = () =>
      new PoolClosedError("The connection's thread is closed; open a new pool.");
    this.#ref();
    const error = await new Promise<Error | undefined>((resolve) => {
      this.#settleClosing = resolve;
      this.#transport.close();
    });
    this.#gone = true;
    this.#transport.stop();
    await this.#endpoint.terminate();
    this.#settleClosed(undefined);
    if (error !== undefined) throw error;
  }

  #nextSerial(): number {
    this.#serial = this.#serial === LAST_SERIAL ? 1 : this.#serial + 1;
    return this.#serial;
  }

  #receive(message: FromHost): void {
    if (message.type === "replies") {
      for (const reply of message.replies) this.#answer(reply);
    } else if (message.type === "left") {
      this.#die(new WorkerCrashedError("The thread has left before it ran this.", LEFT));
    } else {
      this.#settleClosing(message.error === undefined ? undefined : fromWire(message.error));
    }
  }

  #answer(numbered: NumberedReply): void {
    const outstanding = this.#outstanding.get(numbered.serial);
    // Answered already, by the thread's death.
    if (outstanding === undefined) return;
    // By `terminate`: its death is the answer.
    if (this.#terminating && numbered.error?.resultCode === INTERRUPT) return;
    const reply = readReply(outstanding.request, numbered);
    if (this.#givesBack) this.#giveBack(outstanding.request, numbered.result);
    this.#settle(numbered.serial, reply);
  }

  /** All rows have been read: nothing of them lies in the buffers any more. */
  #giveBack(request: Request, result: unknown): void {
    for (const packed of packedRowsOf(request, result)) {
      if (!("buffer" in packed) || !isWorthKeeping(packed.buffer.byteLength)) continue;
      const { buffer } = packed;
      this.#endpoint.post({ type: "spare", buffer } satisfies ToHost, [buffer]);
    }
  }

  #settle(serial: number, reply: Reply): void {
    const outstanding = this.#outstanding.get(serial);
    if (outstanding === undefined) return;
    this.#outstanding.delete(serial);
    this.#clearInterrupt(outstanding.request, serial);
    this.#unref();
    outstanding.resolve(reply);
  }

  /** A word that stayed would meet its serial again when serials start over. */
  #clearInterrupt(request: Request, serial: number): void {
    if (this.#interrupts === undefined || !("connection" in request)) return;
    const word = request.connection % INTERRUPT_WORDS;
    if (this.#interrupts[word] === serial) {
      Atomics.compareExchange(this.#interrupts, word, serial, 0);
    }
  }

  #exited(error: Error | undefined): void {
    if (this.#terminating) return;
    const details = { retriable: true, ...(error === undefined ? {} : { cause: error }) };
    const why = error === undefined ? "it ended without being asked to" : error.message;
    this.#die(new WorkerCrashedError(`The thread that ran the connection died: ${why}.`, details));
  }

  #die(error: WorkerCrashedError): void {
    if (this.#gone) return;
    this.#gone = true;
    this.#transport.stop();
    if (this.#closing === undefined) this.#refusal = () => crashFor(error, false);
    const outstanding = [...this.#outstanding.keys()];
    for (const serial of outstanding) {
      this.#settle(serial, failed(crashFor(error, error.mayHaveRun)));
    }
    this.#settleClosing(undefined);
    this.#settleClosed(error);
  }

  #ref(): void {
    if (this.#refs++ === 0) this.#endpoint.ref();
  }

  #unref(): void {
    if (--this.#refs === 0) this.#endpoint.unref();
  }
}

function readReply(request: Request, numbered: NumberedReply): Reply {
  const { txn, autocommit, tainted, needsPermit, rows, changed, times } = numbered;
  let result: unknown;
  let error = numbered.error === undefined ? undefined : fromWire(numbered.error);
  try {
    if (error === undefined) result = unpackResult(request, numbered.result);
  } catch (thrown) {
    // Such as a RangeError for lack of memory. What the statement did is done.
    error = asError(thrown);
  }
  return { txn, autocommit, tainted, needsPermit, rows, changed, result, error, times };
}
