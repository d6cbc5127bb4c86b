// The way of small requests through shared memory, and of their replies back. What has to go as a
// message is posted first, then a marker in the ring says when its turn is: the ring has the order.

import { clock } from "../clock.ts";
import { haveCoreEach, Unanswered } from "./busy-threads.ts";
import type { Endpoint, FromHost, NumberedRequest, Rings, ToHost } from "./endpoint.ts";
import { FrameEncoder } from "./frame-encoder.ts";
import { FrameReader } from "./frame-reader.ts";
import { REPLY } from "./frames.ts";
import { RingReader, RingWriter } from "./ring.ts";
import { postRequests, type Transport, type TransportListener } from "./transport.ts";

/**
 * A thread that has been told takes several times as long to hear of a reply as one that looks for it,
 * and most replies are there sooner than this.
 */
const POLL_MS = 0.1;

/** Replies handed on in one turn of the event loop. */
const MOST_PER_TURN = 16;

/** Calls a function in the next turn of the event loop, after I/O. */
export type NextTurn = (callback: () => void) => void;

/** The memory of a {@link RingTransport}, and how those at its ends wait. */
export interface RingOptions extends Rings {
  /** A cheap way to look for replies again and again; undefined where there is none. */
  readonly nextTurn?: NextTurn | undefined;
  /** Cores of the machine. */
  readonly cores: number;
}

type Outgoing = NumberedRequest | "close" | "mingle" | "marker";

/** Sends small requests through a ring, the others as messages of one microtask each. */
export class RingTransport implements Transport {
  readonly #endpoint: Endpoint;
  readonly #listener: TransportListener;
  readonly #nextTurn: NextTurn | undefined;
  readonly #cores: number;
  readonly #requests: RingWriter;
  readonly #replies: RingReader;
  readonly #encoder = new FrameEncoder();
  readonly #reader = new FrameReader();
  /** What has not been sent, in order. Empty but for messages, and while the ring is full. */
  #waiting: Outgoing[] = [];
  /** The frame of the first of {@link #waiting}, for which the ring had no room. */
  #frame: Int32Array | undefined;
  #microtaskDue = false;
  #messages: FromHost[] = [];
  /** A marker was read whose message has not come yet: later replies wait. */
  #markers = 0;
  readonly #unanswered = new Unanswered();
  #listening = false;
  #stopped = false;

  constructor(
    endpoint: Endpoint,
    { requests, replies, nextTurn, cores }: RingOptions,
    listener: TransportListener,
  ) {
    this.#endpoint = endpoint;
    this.#listener = listener;
    this.#nextTurn = nextTurn;
    this.#cores = cores;
    this.#requests = new RingWriter(requests);
    this.#replies = new RingReader(replies);
    endpoint.onMessage((message) => {
      this.#messages.push(message as FromHost);
      this.#receive();
      this.#listen();
    });
  }

  send(request: NumberedRequest): void {
    this.#unanswered.add(1);
    if (this.#waiting.length > 0 || !this.#sendFrame(request)) {
      this.#waiting.push(request);
      if (this.#waiting.length === 1) this.#sendFrames();
    }
    this.#listen();
  }

  mingle(): void {
    this.#waiting.push("mingle");
    this.#sendAll();
  }

  close(): void {
    this.#unanswered.add(1);
    this.#waiting.push("close");
    this.#sendAll();
    this.#listen();
  }

  stop(): void {
    this.#stopped = true;
    this.#unanswered.clear();
    this.#waiting = [];
    this.#messages = [];
  }

  /** The way of most requests: nothing waits, and there is room in the ring. */
  #sendFrame({ serial, request }: NumberedRequest): boolean {
    const frame = this.#encoder.request(serial, request);
    if (frame === undefined) return false;
    if (this.#requests.write(frame)) this.#wake();
    else {
      // It is not encoded again: the other end learns its numbers from this very frame.
      this.#frame = frame;
      return false;
    }
    return true;
  }

  /** Sends what goes through the ring, up to the first that does not, which a microtask sends. */
  #sendFrames(): void {
    let sent = 0;
    for (const outgoing of this.#waiting) {
      this.#frame ??= this.#encode(outgoing);
      if (this.#frame === undefined) {
        this.#sendMessagesSoon();
        break;
      }
      if (!this.#requests.write(this.#frame)) break;
      this.#frame = undefined;
      sent++;
    }
    if (sent === 0) return;
    this.#waiting = sent === this.#waiting.length ? [] : this.#waiting.slice(sent);
    this.#wake();
  }

  #encode(outgoing: Outgoing): Int32Array | undefined {
    if (outgoing === "marker") return this.#encoder.marker();
    if (outgoing === "close" || outgoing === "mingle") return undefined;
    return this.#encoder.request(outgoing.serial, outgoing.request);
  }

  #sendMessagesSoon(): void {
    if (this.#microtaskDue) return;
    this.#microtaskDue = true;
    queueMicrotask(() => {
      this.#microtaskDue = false;
      this.#sendAll();
    });
  }

  #sendAll(): void {
    while (this.#waiting.length > 0 && !this.#stopped) {
      this.#sendFrames();
      const first = this.#waiting[0];
      // No room: replies that come will make some.
      if (first === undefined || this.#frame !== undefined) return;
      this.#sendMessages();
    }
  }

  /** Posts what does not go through the ring, up to the first that does, and puts markers there. */
  #sendMessages(): void {
    let posted = 0;
    const requests: NumberedRequest[] = [];
    let taken = 0;
    for (const outgoing of this.#waiting) {
      if (typeof outgoing === "string") break;
      if (taken > 0 && outgoing.request.kind === "run") break;
      requests.push(outgoing);
      taken++;
    }
    const [first] = this.#waiting;
    if (requests.length > 0) posted = postRequests(this.#endpoint, requests, this.#failing);
    else if (first === "close" || first === "mingle") {
      this.#endpoint.post({ type: first } satisfies ToHost, []);
      posted = 1;
      taken = 1;
    }
    this.#waiting.splice(0, taken, ...new Array<Outgoing>(posted).fill("marker"));
  }

  readonly #failing: TransportListener = {
    received: (message) => this.#listener.received(message),
    failed: (serial, error) => {
      this.#unanswered.add(-1);
      this.#listener.failed(serial, error);
    },
  };

  #wake(): void {
    this.#requests.letLook(haveCoreEach(this.#cores));
    if (this.#requests.wake()) this.#endpoint.post({ type: "wake" } satisfies ToHost, []);
  }

  /** Not while a message is due: only the event loop can bring it, and the frames have to wait. */
  #listen(): void {
    if (this.#listening || this.#stopped || this.#unanswered.count === 0 || this.#markers > 0)
      return;
    this.#listening = true;
    if (this.#nextTurn === undefined) this.#replies.whenFilled(this.#hear);
    else this.#poll(this.#nextTurn, clock.now() + POLL_MS);
  }

  /** Looks for replies in every turn of the event loop for a while, before it waits to be told. */
  #poll(nextTurn: NextTurn, until: number): void {
    nextTurn(() => {
      if (!this.#replies.isEmpty || this.#stopped) this.#hear();
      else if (clock.now() < until) this.#poll(nextTurn, until);
      else this.#replies.whenFilled(this.#hear);
    });
  }

  readonly #hear = (): void => {
    this.#listening = false;
    this.#receive();
    this.#listen();
  };

  /**
   * Hands on what has come, in the ring's order; not all of a crowd at once, because whoever gets a
   * reply may have the next request ready, for which the other thread need not wait.
   */
  #receive(): void {
    let most = this.#nextTurn === undefined ? Number.POSITIVE_INFINITY : MOST_PER_TURN;
    while (!this.#stopped && most > 0) {
      if (this.#markers > 0) {
        const message = this.#messages.shift();
        if (message === undefined) return;
        this.#markers--;
        this.#unanswered.add(message.type === "replies" ? -message.replies.length : -1);
        this.#listener.received(message);
      } else if (this.#replies.read(this.#reader.frame) === 0) break;
      else if (this.#reader.type !== REPLY) this.#markers++;
      else {
        most--;
        this.#unanswered.add(-1);
        this.#listener.received({ type: "replies", replies: [this.#reader.readReply()] });
      }
    }
    if (this.#waiting.length > 0) this.#sendAll();
  }
}
