// SQLite in the calling thread: the same host behind the same port, without a way in between.

import { PoolClosedError, type WorkerCrashedError } from "../errors.ts";
import { DirectRows } from "../rpc/direct-rows.ts";
import type { FoundStorage, GuestOptions } from "../rpc/endpoint.ts";
import { failed } from "../rpc/idle-reply.ts";
import type { Port } from "../rpc/port.ts";
import type { Reply, Request, ThreadConfig } from "../rpc/protocol.ts";
import type { RequestHandler } from "../rpc/server.ts";
import { takeThreadLocks, withGuests } from "./guests.ts";
import { Host } from "./host.ts";
import { importSqlJs } from "./sql-js-script.ts";
import type { OpenStorage } from "./storages.ts";

/** SQLite in this thread. */
export interface InlineThread {
  readonly port: Port;
  readonly found: FoundStorage;
}

/** Starts SQLite in this thread; with `guests`, for other tabs as well. @throws StorageError */
export async function startInline(
  config: ThreadConfig,
  openStorage: OpenStorage,
  guests?: GuestOptions,
): Promise<InlineThread> {
  const platform = { openStorage, loadSqlJs: importSqlJs };
  const start = () => Host.start(config, platform, new DirectRows(), undefined);
  if (guests === undefined) {
    const host = await start();
    return { port: new InlinePort(host, () => {}), found: host.found };
  }
  const letGo = await takeThreadLocks(guests);
  try {
    const host = await start();
    const port = new InlinePort(
      withGuests(host, guests, () => port.handedOver()),
      letGo,
    );
    return { port, found: host.found };
  } catch (thrown) {
    letGo();
    throw thrown;
  }
}

class InlinePort implements Port {
  readonly parallel = false;
  readonly canInterrupt = false;
  readonly closed: Promise<WorkerCrashedError | undefined>;
  readonly #host: RequestHandler;
  readonly #letGo: () => void;
  #isClosed = false;
  #closing: Promise<void> | undefined;
  #resolveClosed: (error: WorkerCrashedError | undefined) => void = () => {};

  constructor(host: RequestHandler, letGo: () => void) {
    this.#host = host;
    this.#letGo = letGo;
    this.closed = new Promise((resolve) => {
      this.#resolveClosed = resolve;
    });
  }

  get refuses(): boolean {
    return this.#isClosed;
  }

  request(request: Request): Reply | Promise<Reply> {
    if (!this.#isClosed) return this.#host.handle(request, 0);
    const error = new PoolClosedError("the thread of this connection is closed");
    return failed(error);
  }

  /** A statement has always ended by the time anyone could call this. */
  interrupt(): void {}

  close(): Promise<void> {
    this.#isClosed = true;
    this.#closing ??= this.#close();
    return this.#closing;
  }

  /** The host has closed by itself, and says so to whoever asks it for something. */
  handedOver(): void {
    this.#closing ??= this.#close();
    // Whoever closes the port hears of it.
    this.#closing.catch(() => {});
  }

  async #close(): Promise<void> {
    try {
      await this.#host.close();
    } finally {
      this.#letGo();
      this.#resolveClosed(undefined);
    }
  }

  terminate(): Promise<void> {
    return this.close();
  }
}
