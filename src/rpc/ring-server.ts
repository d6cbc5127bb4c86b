// The end of the rings in the thread that owns SQLite. While there is work the thread stays in one
// loop: it takes frames, spins a little when there are none, then blocks; after a while without any
// it returns to its event loop, where a message wakes it.

import { keepRow, transferables } from "./codec.ts";
import type {
  FromHost,
  HostEndpoint,
  NumberedReply,
  NumberedRequest,
  Rings,
  ToHost,
} from "./endpoint.ts";
import { FrameEncoder, FrameReader, RUN } from "./frames.ts";
import { packedRowsOf } from "./packed-reply.ts";
import { RingReader, RingWriter } from "./ring.ts";
import { answer, answerClose, type RequestHandler } from "./server.ts";

/** A blocked thread takes several times as long to wake as a spinning one takes to notice. */
const SPIN_MS = 0.05;
const BLOCK_MS = 100;

/** Answers the requests that come through `rings` and, as markers say, as messages. */
export function serveRings(
  endpoint: HostEndpoint & Required<Pick<HostEndpoint, "receive">>,
  host: RequestHandler,
  rings: Rings,
): void {
  const server = new RingServer(endpoint, host, rings);
  endpoint.onMessage((message) => server.wakeUp(message as ToHost));
  server.sleep();
}

class RingServer {
  readonly #endpoint: HostEndpoint & Required<Pick<HostEndpoint, "receive">>;
  readonly #host: RequestHandler;
  readonly #requests: RingReader;
  readonly #replies: RingWriter;
  readonly #encoder = new FrameEncoder();
  readonly #reader = new FrameReader();
  /** Messages that came before their markers were read. */
  readonly #messages: ToHost[] = [];
  #closed = false;

  constructor(
    endpoint: HostEndpoint & Required<Pick<HostEndpoint, "receive">>,
    host: RequestHandler,
    rings: Rings,
  ) {
    this.#endpoint = endpoint;
    this.#host = host;
    this.#requests = new RingReader(rings.requests);
    this.#replies = new RingWriter(rings.replies);
  }

  wakeUp(message: ToHost): void {
    if (message.type !== "wake") this.#messages.push(message);
    this.#work();
  }

  /** Goes to sleep, or to work where there is some already. */
  sleep(): void {
    if (!this.#requests.fallAsleep()) this.#work();
  }

  #work(): void {
    while (!this.#closed) {
      while (!this.#closed && this.#requests.read(this.#reader.frame) > 0) this.#take();
      if (this.#closed || this.#spin()) continue;
      this.#requests.wait(BLOCK_MS);
      if (this.#requests.isEmpty && this.#requests.fallAsleep()) return;
    }
  }

  /** True as soon as there is a frame; false when none has come for {@link SPIN_MS}. */
  #spin(): boolean {
    const end = performance.now() + SPIN_MS;
    do {
      for (let i = 0; i < 50; i++) if (!this.#requests.isEmpty) return true;
    } while (performance.now() < end);
    return false;
  }

  #take(): void {
    if (this.#reader.type === RUN) this.#answer(this.#reader.readRun());
    else this.#takeMessage(this.#nextMessage());
  }

  /** The message of a marker has been posted before the marker was written. */
  #nextMessage(): ToHost {
    for (;;) {
      const message = this.#messages.shift() ?? (this.#endpoint.receive() as ToHost | undefined);
      if (message !== undefined && message.type !== "wake") return message;
    }
  }

  #takeMessage(message: ToHost): void {
    if (message.type === "requests") {
      for (const numbered of message.requests) this.#answer(numbered);
    } else {
      this.#post(answerClose(this.#host), []);
      this.#closed = true;
    }
  }

  #answer({ request, serial }: NumberedRequest): void {
    const reply: NumberedReply = answer(this.#host, request, serial);
    const frame = this.#encoder.reply(request, reply);
    if (frame !== undefined) this.#write(frame);
    else {
      const packed = packedRowsOf(request, reply.result);
      packed.forEach(keepRow);
      this.#post({ type: "replies", replies: [reply] }, packed.flatMap(transferables));
    }
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
