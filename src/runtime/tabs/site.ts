// The owner's workers: those that have the files open, all of them on one lock table and one wal-index.

import { StorageError } from "../../errors.ts";
import type { ThreadClient } from "../../rpc/client.ts";
import type { FoundStorage } from "../../rpc/endpoint.ts";
import type { Port } from "../../rpc/port.ts";
import { createSharedMemory, type SharedMemory } from "../../shm/layout.ts";
import { reapSlot, takeSlot } from "../databases.ts";

/** A thread that was started here. */
export interface SiteThread {
  /** Its name among all tabs. */
  readonly thread?: string;
  readonly port: Port & Partial<Pick<ThreadClient, "mingle">>;
  readonly found: FoundStorage;
  /** Gives it a port for a line of another tab, where it can have one. */
  usePort?(line: string, port: MessagePort): void;
}

/** Starts a thread with the files; `slot` is its place in the lock table. */
export type StartThread = (memory: SharedMemory, slot: number) => Promise<SiteThread>;

/** See the head of this file. */
export class Site {
  readonly memory = createSharedMemory();
  readonly #threads = new Set<SiteThread>();
  #first: Promise<SiteThread> | undefined;
  #isShared = false;
  #hasEnded = false;

  /** The storage that the threads have open; undefined before there are any. */
  get found(): FoundStorage | undefined {
    for (const { found } of this.#threads) return found;
    return undefined;
  }

  /** A new thread; undefined where there is one and the files can have no other. */
  async open(start: StartThread): Promise<Port | undefined> {
    for (;;) {
      const first = this.#first;
      if (first === undefined) return this.#openFirst(start);
      // Whoever waits for a start that fails tries itself.
      const started = await first.catch(() => undefined);
      if (started === undefined) continue;
      if (this.#threads.size === 0) continue;
      return started.found.sharesFiles ? (await this.#start(start)).port : undefined;
    }
  }

  /** Other tabs use the threads as well from now on. */
  share(): void {
    if (this.#isShared) return;
    this.#isShared = true;
    for (const { port } of this.#threads) port.mingle?.();
  }

  /** Gives a thread the port for a line of another tab. */
  usePort(thread: string, line: string, port: MessagePort): void {
    for (const each of this.#threads) if (each.thread === thread) each.usePort?.(line, port);
  }

  /** Ends all threads without asking them, those included that are only starting. */
  terminate(): void {
    this.#hasEnded = true;
    for (const { port } of this.#threads) void port.terminate();
  }

  async #openFirst(start: StartThread): Promise<Port> {
    const first = this.#start(start);
    this.#first = first;
    first.catch(() => {
      if (this.#first === first) this.#first = undefined;
    });
    return (await first).port;
  }

  async #start(start: StartThread): Promise<SiteThread> {
    this.#throwIfEnded();
    const slot = takeSlot(this.memory);
    try {
      const thread = await start(this.memory, slot);
      if (this.#hasEnded) void thread.port.terminate();
      this.#throwIfEnded();
      this.#threads.add(thread);
      if (this.#isShared) thread.port.mingle?.();
      void thread.port.closed.then(() => {
        reapSlot(this.memory, slot);
        this.#threads.delete(thread);
        if (this.#threads.size === 0) this.#first = undefined;
      });
      return thread;
    } catch (thrown) {
      reapSlot(this.memory, slot);
      throw thrown;
    }
  }

  #throwIfEnded(): void {
    if (this.#hasEnded) throw new StorageError("locked", "another tab has the database now");
  }
}
