// Connections of other tabs in a worker: each guest has a line of its own, and a host of its own beside
// the others in the one instance of SQLite. See `rpc/tab-protocol.ts` for who says what.

import { clock } from "../clock.ts";
import { StorageError, WorkerCrashedError } from "../errors.ts";
import { RowPacker } from "../rpc/codec.ts";
import type { FromHost, GuestOptions, ToHost } from "../rpc/endpoint.ts";
import { GuestBlocks } from "../rpc/guest-interrupts.ts";
import { failed } from "../rpc/idle-reply.ts";
import type { Reply } from "../rpc/protocol.ts";
import { type RequestHandler, serve } from "../rpc/server.ts";
import {
  type LineReady,
  type LineSettings,
  lifeLock,
  lineChannel,
  type TabMessage,
  tabNames,
} from "../rpc/tab-protocol.ts";
import { heldTogether, takeWebLock, whenFree } from "../rpc/web-lock.ts";
import type { Host } from "./host.ts";

/** How long transactions of guests may take to end before the worker leaves. */
const LEAVE_GRACE_MS = 1_000;

/**
 * Takes the locks of a thread that is about to open the files; returns what lets them go.
 * @throws StorageError (`locked`) when the database has another owner by then
 */
export async function takeThreadLocks({
  database,
  thread,
  owner,
}: GuestOptions): Promise<() => void> {
  const names = tabNames(database);
  const life = await takeWebLock(lifeLock(thread));
  const files = await takeWebLock(names.files, { mode: "shared" });
  const letGo = () => {
    files.release();
    life.release();
  };
  // A later owner has had `files` before this thread, or waits for it from now on: there is no third way.
  if (await heldTogether(names.owner, lifeLock(owner))) return letGo;
  letGo();
  throw new StorageError("locked", `${database} has been taken over by another tab`);
}

/**
 * The host of the thread's own caller; other tabs' come and go beside it, and end before it does.
 * `onHandedOver` is called when it has closed although its own caller has not said so.
 */
export function withGuests(
  host: Host,
  options: GuestOptions,
  onHandedOver: () => void,
): RequestHandler & { usePort(line: string, port: MessagePort): void } {
  let hasLeft = false;
  const leave = async (): Promise<void> => {
    await guests.leave();
    hasLeft = true;
    await host.close();
  };
  let leaving: Promise<void> | undefined;
  const close = (): Promise<void> => {
    leaving ??= leave();
    return leaving;
  };
  // What went wrong in closing is for nobody to hear; the files are free with the thread.
  const handOver = () => void close().then(onHandedOver, onHandedOver);
  const guests = new Guests(host, options, handOver);
  const counted = guests.counted(host);
  return {
    handle: (request, serial, meanwhile) =>
      hasLeft ? notRun() : counted.handle(request, serial, meanwhile),
    close,
    usePort: (line: string, port: MessagePort) => guests.usePort(line, port),
  };
}

/** To the thread's own caller, once the thread is about to end for another owner. */
function notRun(): Reply {
  const error = new WorkerCrashedError("The thread has left before it ran this.", {
    mayHaveRun: false,
    retriable: true,
  });
  return failed(error);
}

interface Guest {
  readonly host: Host;
  readonly line: string;
  readonly canInterrupt: boolean;
  /** The line's channel, and its port where one got here. */
  readonly ways: (BroadcastChannel | MessagePort)[];
  /** It has been told of a commit, and tells the other tabs of it if it lives long enough. */
  hasCommitted: boolean;
  /** It has sent a request. */
  hasAsked: boolean;
  /** Requests that were taken and are not answered yet. */
  unanswered: number;
  /** Called after each answer while the worker is about to leave. */
  onAnswer: () => void;
}

class Guests {
  readonly #host: Host;
  readonly #options: GuestOptions;
  readonly #channel: BroadcastChannel;
  readonly #guests = new Set<Guest>();
  readonly #handOver: () => void;
  readonly #blocks: GuestBlocks;
  #hasLeft = false;
  #isAnnouncing = false;

  constructor(host: Host, options: GuestOptions, handOver: () => void) {
    this.#host = host;
    this.#options = options;
    this.#handOver = handOver;
    this.#blocks = new GuestBlocks(options.interrupts);
    this.#channel = new BroadcastChannel(tabNames(options.database).channel);
    this.#channel.onmessage = ({ data }: MessageEvent<TabMessage>) => this.#hear(data);
    this.#announce();
  }

  /** The host; whenever a connection is opened or closed there, how many there are is announced. */
  counted(host: Host): RequestHandler {
    return {
      handle: (request, serial, meanwhile) => {
        if (request.kind === "open" || request.kind === "close") this.#announceSoon();
        return host.handle(request, serial, meanwhile);
      },
      close: () => host.close(),
    };
  }

  /**
   * Sees all guests off. What a guest has sent and has no answer to has not run, and never will here: it
   * can send it again elsewhere.
   */
  async leave(): Promise<void> {
    this.#hasLeft = true;
    this.#channel.close();
    await Promise.all([...this.#guests].map((guest) => this.#seeOff(guest)));
  }

  #hear(message: TabMessage): void {
    if (message.type === "hello") this.#announce();
    else if (message.type === "handOver") this.#handOver();
    else if (message.type === "line" && message.thread === this.#options.thread) {
      this.#welcome(message.line, message.settings);
    }
  }

  #welcome(line: string, settings: LineSettings): void {
    const words = this.#blocks.take(line);
    const host = this.#host.guest(settings, new RowPacker(), words);
    const guest: Guest = {
      host,
      line,
      canInterrupt: words !== undefined,
      ways: [],
      hasCommitted: false,
      hasAsked: false,
      unanswered: 0,
      onAnswer() {},
    };
    this.#guests.add(guest);
    this.#serve(guest, new BroadcastChannel(lineChannel(line)));
    // The guest has let go of the line, or is gone.
    void whenFree(lifeLock(line)).then(() => this.#gone(guest));
  }

  /** A port for a line: its guest will use this way only, but has to hear that it is there. */
  usePort(line: string, port: MessagePort): void {
    if (this.#hasLeft) return;
    for (const guest of this.#guests) if (guest.line === line) this.#serve(guest, port);
  }

  #serve(guest: Guest, way: BroadcastChannel | MessagePort): void {
    guest.ways.push(way);
    const endpoint = {
      post: (message: unknown, transfer: ArrayBuffer[]) => {
        const sent = message as FromHost;
        guest.hasCommitted ||= tellsOfCommit(sent);
        if (sent.type === "replies") guest.unanswered -= sent.replies.length;
        if (this.#guests.has(guest)) post(way, message, transfer);
        guest.onAnswer();
      },
      onMessage: (listener: (message: unknown) => void) => {
        way.onmessage = ({ data }: MessageEvent<ToHost>) => {
          if (data.type === "requests") {
            guest.hasAsked = true;
            guest.unanswered += data.requests.length;
          }
          listener(data);
        };
      },
    };
    serve(endpoint, this.counted(guest.host));
    const { canInterrupt } = guest;
    post(way, { type: "ready", canInterrupt } satisfies LineReady, []);
  }

  async #gone(guest: Guest): Promise<void> {
    if (!this.#guests.has(guest)) return;
    await this.#forget(guest);
    if (guest.hasCommitted) this.#post({ type: "change", tables: "any" });
  }

  async #forget(guest: Guest): Promise<void> {
    if (!this.#guests.delete(guest)) return;
    for (const way of guest.ways) way.onmessage = null;
    await guest.host.close();
    this.#blocks.free(guest.line);
    for (const way of guest.ways) way.close();
    this.#announceSoon();
    guest.onAnswer();
  }

  async #seeOff(guest: Guest): Promise<void> {
    const deadline = clock.now() + LEAVE_GRACE_MS;
    while (guest.host.isInTransaction && this.#guests.has(guest)) {
      const leftMs = deadline - clock.now();
      if (leftMs <= 0) break;
      await new Promise<void>((resolve) => {
        guest.onAnswer = resolve;
        setTimeout(resolve, leftMs);
      });
    }
    for (const way of guest.ways) way.onmessage = null;
    // What has been taken has run, or will: it is answered before the guest may send anything elsewhere.
    while (guest.unanswered > 0 && this.#guests.has(guest)) {
      await new Promise<void>((resolve) => {
        guest.onAnswer = resolve;
      });
    }
    if (!this.#guests.has(guest)) return;
    for (const way of guest.ways) post(way, { type: "left" } satisfies FromHost, []);
    await this.#forget(guest);
    if (!guest.hasAsked) return;
    // Its answers and this message are on their way; the news of this thread's end must not overtake them.
    const patience = AbortSignal.timeout(LEAVE_GRACE_MS);
    await whenFree(lifeLock(guest.line), patience).catch(() => {});
  }

  #announce(): void {
    const { thread, owner } = this.#options;
    let connections = this.#host.connectionCount;
    for (const { host } of this.#guests) connections += host.connectionCount;
    const { found } = this.#host;
    this.#post({ type: "thread", thread, owner, found, guests: this.#guests.size, connections });
  }

  /** Once for all that happens in one turn of the event loop. */
  #announceSoon(): void {
    if (this.#isAnnouncing) return;
    this.#isAnnouncing = true;
    setTimeout(() => {
      this.#isAnnouncing = false;
      this.#announce();
    });
  }

  #post(message: TabMessage): void {
    if (!this.#hasLeft) this.#channel.postMessage(message);
  }
}

function tellsOfCommit(message: FromHost): boolean {
  return message.type === "replies" && message.replies.some(({ changed }) => changed !== undefined);
}

function post(
  way: BroadcastChannel | MessagePort,
  message: unknown,
  transfer: ArrayBuffer[],
): void {
  if (way instanceof MessagePort) way.postMessage(message, transfer);
  else way.postMessage(message);
}
