// SQLite in the calling thread: the same host behind the same port, without a way in between.

import { PoolClosedError, type WorkerCrashedError } from "../errors.ts";
import { DirectRows } from "../rpc/direct-rows.ts";
import type { Port } from "../rpc/port.ts";
import type { Reply, Request, ThreadConfig } from "../rpc/protocol.ts";
import { Host } from "./host.ts";
import type { OpenStorage } from "./storages.ts";

/** Starts SQLite in this thread. @throws StorageError */
export async function startInline(config: ThreadConfig, openStorage: OpenStorage): Promise<Port> {
  return new InlinePort(await Host.start(config, openStorage, new DirectRows(), undefined));
}

class InlinePort implements Port {
  readonly parallel = false;
  readonly canInterrupt = false;
  readonly closed: Promise<WorkerCrashedError | undefined>;
  #host: Host | undefined;
  #resolveClosed: (error: WorkerCrashedError | undefined) => void = () => {};

  constructor(host: Host) {
    this.#host = host;
    this.closed = new Promise((resolve) => {
      this.#resolveClosed = resolve;
    });
  }

  request(request: Request): Reply | Promise<Reply> {
    if (this.#host !== undefined) return this.#host.handle(request, 0);
    const error = new PoolClosedError("the thread of this connection is closed");
    const idle = { txn: 0, autocommit: true, tainted: false, needsPermit: false } as const;
    return { ...idle, rows: 0, result: undefined, error };
  }

  /** A statement has always ended by the time anyone could call this. */
  interrupt(): void {}

  async close(): Promise<void> {
    const host = this.#host;
    this.#host = undefined;
    await host?.close();
    this.#resolveClosed(undefined);
  }

  terminate(): Promise<void> {
    return this.close();
  }
}
