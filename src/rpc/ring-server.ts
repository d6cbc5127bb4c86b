// The end of the rings in the thread that owns SQLite. While there is work the thread stays in one
// loop: it takes frames, spins a little when there are none, then blocks; after a while without any
// it returns to its event loop, where a message wakes it.

import { clock } from "../clock.ts";
import type {
  FromHost,
  HostEndpoint,
  NumberedReply,
  NumberedRequest,
  Rings,
  ToHost,
} from "./endpoint.ts";
import { FrameEncoder } from "./frame-encoder.ts";
import { FrameReader } from "./frame-reader.ts";
import { RUN } from "./frames.ts";
import type { Request } from "./protocol.ts";
import { RingReader, RingWriter } from "./ring.ts";
import { answer, answerClose, buffersOf, type RequestHandler } from "./server.ts";
import type { SpareBuffers } from "./spare-buffers.ts";

/** A blocked thread takes several times as long to wake as a spinning one takes to notice. */
const SPIN_MS = 0.05;
const BLOCK_MS = 100;
/** Among others: how long work may keep the event loop from bringing theirs. */
const LONGEST_TURN_MS = 1;
/** Requests of others that are answered at once in the middle of a long one. */
const MOST_BETWEEN = 8;

/** Answers the requests that come through `rings` and, as markers say, as messages. */
export function serveRings(
  endpoint: HostEndpoint,
  host: RequestHandler,
  rings: Rings,
  spares?: SpareBuffers,
): void {
  const server = new RingServer(endpoint, host, rings, spares);
  endpoint.onMessage((message) => server.wakeUp(message as ToHost));
  server.sleep();
}

class RingServer {
  readonly #endpoint: HostEndpoint;
  readonly #host: RequestHandler;
  readonly #spares: SpareBuffers | undefined;
  readonly #requests: RingReader;
  readonly #replies: RingWriter;
  readonly #encoder = new FrameEncoder();
  readonly #reader = new FrameReader();
  /** Messages that came before their markers were read. */
  readonly #messages: ToHost[] = [];
  /** What was read from the ring and is not due yet: a request, or the marker of a message. */
  #held: NumberedRequest | "marker" | undefined;
  /** Replies that take time: only the event loop can bring what they wait for. */
  #owed = 0;
  /** A marker was read whose message has not come: only the event loop can bring it. */
  #stalled = false;
  #closed = false;
  /** Brings the thread back to its ring after a turn of the event loop; undefined while it is alone. */
  #turns: MessageChannel | undefined;
  #turnDue = false;

  constructor(
    endpoint: HostEndpoint,
    host: RequestHandler,
    rings: Rings,
    spares: SpareBuffers | undefined,
  ) {
    this.#endpoint = endpoint;
    this.#host = host;
    this.#spares = spares;
    if (spares !== undefined) spares.collect = () => this.#receive();
    this.#requests = new RingReader(rings.requests);
    this.#replies = new RingWriter(rings.replies);
  }

  wakeUp(message: ToHost): void {
    if (message.type === "spare") {
      this.#spares?.add(message.buffer);
      return;
    }
    if (message.type !== "wake") this.#messages.push(message);
    if (this.#stalled) {
      const due = this.#messages.shift();
      if (due === undefined) return;
      this.#stalled = false;
      this.#takeMessage(due);
    }
    this.#work();
  }

  /** Goes to sleep, or to work where there is some already. */
  sleep(): void {
    if (!this.#requests.fallAsleep()) this.#work();
  }

  #work(): void {
    if (this.#turnDue) return;
    const started = clock.now();
    while (!this.#closed && !this.#stalled) {
      while (this.#mayTake && this.#takeNext()) {
        if (this.#turns === undefined || clock.now() - started < LONGEST_TURN_MS) continue;
        this.#turnDue = true;
        this.#turns.port2.postMessage(undefined);
        return;
      }
      if (!this.#mayTake) return;
      if (this.#owed === 0 && this.#turns === undefined) {
        if (this.#requests.mayLook && this.#spin()) continue;
        this.#requests.wait(BLOCK_MS);
      }
      if (this.#requests.isEmpty && this.#requests.fallAsleep()) return;
    }
  }

  get #mayTake(): boolean {
    return !this.#closed && !this.#stalled;
  }

  /** True as soon as there is a frame; false when none has come for {@link SPIN_MS}. */
  #spin(): boolean {
    const end = clock.now() + SPIN_MS;
    do {
      for (let i = 0; i < 50; i++) if (!this.#requests.isEmpty) return true;
    } while (clock.now() < end);
    return false;
  }

  /** False where there is nothing to take. */
  #takeNext(): boolean {
    const next = this.#held ?? this.#read();
    this.#held = undefined;
    if (next === undefined) return false;
    if (next === "marker") {
      const message = this.#nextMessage();
      if (message === undefined) this.#stalled = true;
      else this.#takeMessage(message);
    } else this.#answer(next);
    return true;
  }

  #read(): NumberedRequest | "marker" | undefined {
    if (this.#requests.read(this.#reader.frame) === 0) return undefined;
    return this.#reader.type === RUN ? this.#reader.readRun() : "marker";
  }

  /**
   * Answers what has come from others than `busy`, up to the first thing that has to come after its request;
   * not more than a few, so that its own request goes on.
   */
  #answerOthers(busy: number): void {
    try {
      for (let i = 0; i < MOST_BETWEEN && this.#held === undefined; i++) {
        const next = this.#read();
        if (next === undefined) return;
        if (next === "marker" || next.request.connection === busy) this.#held = next;
        else this.#answer(next);
      }
    } catch (thrown) {
      // A fault in another's request or reply is none of this one's.
      queueMicrotask(() => {
        throw thrown;
      });
    }
  }

  /** The message of a marker has been posted before the marker was written. */
  #nextMessage(): ToHost | undefined {
    if (this.#messages.length === 0) this.#receive();
    return this.#messages.shift();
  }

  /** Takes in every message that has come, where that needs no return to the event loop. */
  #receive(): void {
    const { receive } = this.#endpoint;
    if (receive === undefined) return;
    for (;;) {
      const message = receive() as ToHost | undefined;
      if (message === undefined) return;
      if (message.type === "spare") this.#spares?.add(message.buffer);
      else if (message.type !== "wake") this.#messages.push(message);
    }
  }

  #takeMessage(message: ToHost): void {
    if (message.type === "requests") {
      for (const numbered of message.requests) this.#answer(numbered);
    } else if (message.type === "mingle") {
      this.#mingle();
    } else {
      this.#closed = true;
      void answerClose(this.#host).then((closed) => this.#post(closed, []));
    }
  }

  #mingle(): void {
    if (this.#turns !== undefined) return;
    this.#turns = new MessageChannel();
    this.#turns.port1.onmessage = () => {
      this.#turnDue = false;
      this.#work();
    };
  }

  #answer({ request, serial }: NumberedRequest): void {
    const meanwhile =
      request.kind === "many" ? () => this.#answerOthers(request.connection) : undefined;
    const reply = answer(this.#host, request, serial, meanwhile);
    if (reply instanceof Promise) void this.#replyLater(request, reply);
    else this.#reply(request, reply);
  }

  async #replyLater(request: Request, reply: Promise<NumberedReply>): Promise<void> {
    this.#owed++;
    const late = await reply;
    this.#owed--;
    this.#reply(request, late);
    this.#work();
  }

  #reply(request: Request, reply: NumberedReply): void {
    const frame = this.#encoder.reply(request, reply);
    if (frame !== undefined) this.#write(frame);
    else this.#post({ type: "replies", replies: [reply] }, buffersOf(request, reply));
  }

  #post(message: FromHost, transfer: ArrayBuffer[]): void {
    this.#endpoint.post(message, transfer);
    this.#write(this.#encoder.marker());
  }

  /** The caller always makes room in the end: it never blocks on this thread. */
  #write(frame: Int32Array): void {
    while (!this.#replies.write(frame)) {
      this.#replies.wake();
      this.#replies.waitForRoom(1);
    }
    // At once, because the next statement may take long; next to nothing while the caller is awake.
    this.#replies.wake();
  }
}
