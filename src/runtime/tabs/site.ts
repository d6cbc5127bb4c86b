// The owner's workers: those that have the files open, all of them on one lock table and one wal-index.

import { StorageError } from "../../errors.ts";
import type { ThreadClient } from "../../rpc/client.ts";
import type { FoundStorage } from "../../rpc/endpoint.ts";
import {
  interruptAll,
  interruptGuest,
  interruptLine,
  newGuestInterrupts,
} from "../../rpc/guest-interrupts.ts";
import type { Port } from "../../rpc/port.ts";
import { lifeLock } from "../../rpc/tab-protocol.ts";
import { whenFree } from "../../rpc/web-lock.ts";
import { createSharedMemory, type SharedMemory } from "../../shm/layout.ts";
import { reapSlot } from "../../shm/lock-table.ts";
import { takeSlot } from "../databases.ts";

/** A thread that was started here. */
export interface SiteThread {
  /** Its name among all tabs. */
  readonly thread?: string;
  readonly port: Port & Partial<Pick<ThreadClient, "mingle">>;
  readonly found: FoundStorage;
  /** Gives it a port for a line of another tab, where it can have one. */
  usePort?(line: string, port: MessagePort): void;
}

/** What a thread is given at its start. */
export interface ThreadPlace {
  readonly memory: SharedMemory;
  /** Its place in the lock table. */
  readonly slot: number;
  /** Its name among all tabs. */
  readonly thread: string;
  /** By which what it runs for other tabs is stopped. */
  readonly interrupts: Int32Array | undefined;
}

/** Starts a thread with the files. */
export type StartThread = (place: ThreadPlace) => Promise<SiteThread>;

/** See the head of this file. */
export class Site {
  readonly memory = createSharedMemory();
  readonly #threads = new Set<SiteThread>();
  /** By the thread's name, from before it starts: it takes lines before it is known to have started. */
  readonly #interrupts = new Map<string, Int32Array>();
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

  /**
   * A thread has been given a line: when that ends, nobody wants what it runs any more. The thread itself
   * hears of it only after that.
   */
  watchLine(thread: string, line: string): void {
    const words = this.#interrupts.get(thread);
    if (words !== undefined) void whenFree(lifeLock(line)).then(() => interruptLine(words, line));
  }

  /** Stops a statement that a thread runs for a line. */
  interrupt(thread: string, line: string, connection: number, serial: number): void {
    const words = this.#interrupts.get(thread);
    if (words !== undefined) interruptGuest(words, line, connection, serial);
  }

  /** Ends all threads without asking them, those included that are only starting. */
  terminate(): void {
    this.#hasEnded = true;
    // A thread ends only when what it runs does, or after seconds.
    for (const words of this.#interrupts.values()) interruptAll(words);
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
    const { memory } = this;
    const slot = takeSlot(memory);
    const name = crypto.randomUUID();
    const interrupts = newGuestInterrupts();
    const forget = () => {
      this.#interrupts.delete(name);
      reapSlot(memory, slot);
    };
    if (interrupts !== undefined) this.#interrupts.set(name, interrupts);
    try {
      const thread = await start({ memory, slot, thread: name, interrupts });
      if (this.#hasEnded) void thread.port.terminate();
      this.#throwIfEnded();
      this.#threads.add(thread);
      if (this.#isShared) thread.port.mingle?.();
      void thread.port.closed.then(() => {
        forget();
        this.#threads.delete(thread);
        if (this.#threads.size === 0) this.#first = undefined;
      });
      return thread;
    } catch (thrown) {
      forget();
      throw thrown;
    }
  }

  #throwIfEnded(): void {
    if (this.#hasEnded) throw new StorageError("locked", "another tab has the database now");
  }
}
