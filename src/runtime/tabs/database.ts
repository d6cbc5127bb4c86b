// A database that this thread has open together with other tabs and workers of the origin: all pools of
// the thread on it are one member among them.
//
// The member exists while some port is open: a pool that is suspended or closed hands over by closing
// its ports. A page that is frozen, or kept in the back/forward cache, lets go of everything at once and
// comes back as a new member.

import { clock, LONGEST_TIMER_MS } from "../../clock.ts";
import { StorageError } from "../../errors.ts";
import type { FoundStorage } from "../../rpc/endpoint.ts";
import type { Port } from "../../rpc/port.ts";
import { type LineSettings, tabNames } from "../../rpc/tab-protocol.ts";
import { takeWebLock, type WebLock } from "../../rpc/web-lock.ts";
import type { OwnerChange, Tables } from "../../types.ts";
import { openLine } from "./line.ts";
import { ASK_EVERY_MS, type LineMessage, Member } from "./member.ts";
import { RoamingPort } from "./roaming-port.ts";
import { Site, type StartThread } from "./site.ts";
import { type LocalQueue, TabWriteQueue } from "./write-queue.ts";

/** What a pool opens threads with. */
export interface OpenThread {
  readonly settings: LineSettings;
  /** `owner` is the member that starts it. */
  readonly start: (owner: string) => StartThread;
  readonly timeoutMs: number;
  /** Ends the opening; what is open stays so. */
  readonly signal: AbortSignal | undefined;
}

/** Called when nobody in this thread uses the database any more, while it still owns it. */
export type OnLastLeft = (found: FoundStorage) => Promise<void>;

/** Least time to find out who has the database, or that nobody has: `busyTimeout` may be far shorter. */
const LEAST_CONNECT_MS = 5_000;

/** How long a thread may take to answer to a line. */
const ANSWER_MS = 1_000;

const databases = new Map<string, TabDatabase<LocalQueue>>();

/** The database of that name, which all pools of this thread share. */
export function tabDatabase<Queue extends LocalQueue>(
  name: string,
  makeQueue: () => Queue,
  onLastLeft: OnLastLeft,
): TabDatabase<Queue> {
  let database = databases.get(name) as TabDatabase<Queue> | undefined;
  if (database === undefined) {
    database = new TabDatabase(name, makeQueue(), onLastLeft);
    databases.set(name, database);
  }
  return database;
}

/** See the head of this file. */
export class TabDatabase<Queue extends LocalQueue> {
  readonly name: string;
  readonly writeQueue: TabWriteQueue<Queue>;
  readonly #onLastLeft: OnLastLeft;
  readonly #ownerListeners = new Set<(change: OwnerChange) => void>();
  readonly #changeListeners = new Set<(tables: Tables) => void>();
  #member: Member | undefined;
  #hasOthers = false;
  /** A commit was told of only here: for all this thread knew, there was no other. */
  #hasKeptChange = false;
  #site: Site | undefined;
  #found: FoundStorage | undefined;
  #role: OwnerChange["role"] = "client";
  /** The member whose threads this one's ports have. */
  #owner: string | undefined;
  /** When a port lost its thread. */
  #lostAt = 0;
  readonly #ports = new Set<RoamingPort>();
  #openPorts = 0;
  #leaving: Promise<void> | undefined;
  /** Resolves when the page is no longer frozen; undefined while it is not. */
  #thawed: Promise<void> | undefined;
  #stopWatchingPage: (() => void) | undefined;
  #onNews: (() => void)[] = [];

  constructor(name: string, queue: Queue, onLastLeft: OnLastLeft) {
    this.name = name;
    this.#onLastLeft = onLastLeft;
    this.writeQueue = new TabWriteQueue(queue, tabNames(name).write, () =>
      this.#member?.post({ type: "whoWrites" }),
    );
  }

  get role(): OwnerChange["role"] {
    return this.#role;
  }

  /** Threads that can have the files open at the same time. */
  get mostThreads(): number {
    if (this.#site !== undefined)
      return this.#site.found?.sharesFiles ? Number.POSITIVE_INFINITY : 1;
    return this.#member?.threadCount ?? 1;
  }

  /** The storage that the owner's threads have open; undefined before there was one. */
  get found(): FoundStorage | undefined {
    this.#found = this.#site?.found ?? this.#member?.found ?? this.#found;
    return this.#found;
  }

  /** The lock table, where this thread is the owner. */
  get memory() {
    return this.#site?.memory;
  }

  /** What there is of the database in all tabs, as far as this one has heard. */
  get census() {
    const { tabs = 1, threads = 0, connections = 0 } = this.#member?.census ?? {};
    return { role: this.#role, tabs, threads, connections };
  }

  /** Calls `listener` when another thread becomes the owner, this one included; returns what ends that. */
  onOwner(listener: (change: OwnerChange) => void): () => void {
    this.#ownerListeners.add(listener);
    return () => this.#ownerListeners.delete(listener);
  }

  /** Tells every pool on the database, in whichever tab, that a commit changed these tables. */
  announceChange(tables: Tables): void {
    this.#tellChange(tables);
    if (this.#hasOthers) this.#member?.post({ type: "change", tables });
    else this.#hasKeptChange = true;
  }

  /** Calls `listener` after each such commit; returns what ends that. */
  onChange(listener: (tables: Tables) => void): () => void {
    this.#changeListeners.add(listener);
    return () => this.#changeListeners.delete(listener);
  }

  /** Opens a port that stays while the owner changes. @throws StorageError (`locked`) */
  async openPort(options: OpenThread): Promise<Port> {
    await this.left();
    this.#openPorts++;
    try {
      const listener = {
        onLost: () => {
          this.#lostAt = clock.now();
        },
        // Commits that nobody was left to tell of may have come between.
        onMoved: () => this.#tellChange("any"),
      };
      const port = await RoamingPort.open(
        (signal) => this.#connect(options, signal),
        listener,
        options.signal,
      );
      this.#ports.add(port);
      void port.closed.then(() => {
        this.#ports.delete(port);
        return this.#portClosed();
      });
      return port;
    } catch (thrown) {
      await this.#portClosed();
      throw thrown;
    }
  }

  /**
   * Runs `body` while nobody has the database open, this thread's pools included.
   * @throws StorageError (`locked`) when that is not so within `timeoutMs`
   */
  async alone(timeoutMs: number, body: () => Promise<void>): Promise<void> {
    await this.left();
    const { owner, files } = tabNames(this.name);
    const tooLate = new AbortController();
    const timer = setTimeout(() => tooLate.abort(), Math.min(timeoutMs, LONGEST_TIMER_MS));
    const locks: WebLock[] = [];
    try {
      for (const lock of [owner, files]) {
        locks.push(await takeWebLock(lock, { signal: tooLate.signal }));
      }
      await body();
    } catch (thrown) {
      if (locks.length === 2) throw thrown;
      throw new StorageError(
        "locked",
        `${this.name} is open in another pool, tab or worker; close it there`,
      );
    } finally {
      clearTimeout(timer);
      for (const lock of locks) lock.release();
    }
  }

  /** Resolves when this thread has let go of the database, as it does when its last port is closed. */
  async left(): Promise<void> {
    while (this.#leaving !== undefined) await this.#leaving;
  }

  async #portClosed(): Promise<void> {
    if (--this.#openPorts > 0) return;
    this.#leaving = this.#leave();
    await this.#leaving;
    this.#leaving = undefined;
  }

  async #leave(): Promise<void> {
    const { found } = this;
    if (this.#member?.isOwner && found !== undefined) await this.#onLastLeft(found).catch(() => {});
    this.#letGo();
    // It may be gone, and made anew elsewhere, before it is opened again.
    this.#found = undefined;
    this.#stopWatchingPage?.();
    this.#stopWatchingPage = undefined;
    // Nobody tells of it any more.
    this.#thaw();
  }

  /**
   * The write lock goes last, and those who write here lose it only after this: whoever waits for it in
   * another tab knows by then that the threads here are ending, and sends them nothing any more.
   */
  #letGo(): void {
    this.#site?.terminate();
    this.#site = undefined;
    this.#member?.leave();
    this.#member = undefined;
    for (const port of this.#ports) port.leaveThread();
    this.writeQueue.letGo();
  }

  async #connect(
    { settings, start, timeoutMs }: OpenThread,
    signal: AbortSignal | undefined,
  ): Promise<Port> {
    const deadline = clock.now() + Math.max(timeoutMs, LEAST_CONNECT_MS);
    let leftMs = deadline - clock.now();
    for (;;) {
      await this.#thawed;
      signal?.throwIfAborted();
      const member = this.#join();
      const port = await this.#tryConnect(member, settings, start, { leftMs, signal });
      if (port !== undefined) return port;
      signal?.throwIfAborted();
      leftMs = deadline - clock.now();
      if (leftMs <= 0) {
        throw new StorageError(
          "locked",
          `${this.name} is in use by another tab or worker of this origin, which does not answer; close it`,
        );
      }
      await this.#news(Math.min(leftMs, ASK_EVERY_MS));
    }
  }

  async #tryConnect(
    member: Member,
    settings: LineSettings,
    start: OpenThread["start"],
    { leftMs, signal }: { readonly leftMs: number; readonly signal: AbortSignal | undefined },
  ): Promise<Port | undefined> {
    if (member.isOwner) {
      try {
        const port = await this.#site?.open(start(member.id));
        if (port !== undefined) {
          this.#reached(member, member.id);
          return port;
        }
      } catch (thrown) {
        // The database was taken away while the thread started: whoever has it now is asked.
        if (member.hasLeft || !(await member.stillOwns())) return undefined;
        throw thrown;
      }
    }
    const thread = member.bestThread;
    if (thread === undefined) {
      member.ask();
      return undefined;
    }
    const tooLate = AbortSignal.timeout(Math.min(leftMs, ANSWER_MS));
    const ends = [member.signal, tooLate, ...(signal === undefined ? [] : [signal])];
    try {
      const owner = member.ownerOf(thread);
      const port = await openLine(thread, {
        owner,
        ask: (line) => this.#tellOfLine(member, { type: "line", thread, line, settings }),
        interrupt: (line, connection, serial) =>
          this.#tellOfLine(member, { type: "interrupt", thread, line, connection, serial }),
        offerPort: async (line) =>
          owner === undefined
            ? undefined
            : member.broker.offer({ type: "offer", owner, thread, line }),
        signal: AbortSignal.any(ends),
      });
      if (port === undefined) member.forget(thread);
      else this.#reached(member, owner);
      return port;
    } catch (thrown) {
      if (member.hasLeft) return undefined;
      if (!tooLate.aborted || signal?.aborted) throw thrown;
      // It is busy, or stands still: it is asked for again, and may be taken over.
      member.forget(thread);
      return undefined;
    }
  }

  #join(): Member {
    if (this.#member !== undefined) return this.#member;
    // Nobody is waited for while this one is not there itself.
    this.#lostAt = clock.now();
    this.#stopWatchingPage ??= watchPage({
      frozen: () => this.#freeze(),
      thawed: () => this.#thaw(),
    });
    const member: Member = new Member(this.name, {
      onOthers: (count) => {
        this.#hasOthers = count > 0;
        this.writeQueue.isAlone = count === 0;
        if (count === 0) return;
        this.#site?.share();
        // They may have read before the latest commit here, and been heard of only after it.
        if (this.#hasKeptChange) member.post({ type: "change", tables: "any" });
        this.#hasKeptChange = false;
      },
      onOwner: () => {
        this.#site = new Site();
        if (this.#hasOthers) this.#site.share();
      },
      onStolen: () => {
        if (this.#member === member) this.#letGo();
        this.#tellNews();
      },
      onNews: () => this.#tellNews(),
      onChange: (tables) => this.#tellChange(tables),
      onOffer: ({ thread, line }, port) => this.#site?.usePort(thread, line, port),
      onLine: (message) => this.#heardOfLine(message),
      onWriter: (writer) => this.writeQueue.heard(writer),
      writer: () => this.writeQueue.writer,
    });
    this.#member = member;
    return member;
  }

  /** The thread may be one of this member's own, which hears nothing of itself. */
  #tellOfLine(member: Member, message: LineMessage): void {
    member.post(message);
    this.#heardOfLine(message);
  }

  #heardOfLine(message: LineMessage): void {
    const { type, thread, line } = message;
    if (type === "line") this.#site?.watchLine(thread, line);
    else this.#site?.interrupt(thread, line, message.connection, message.serial);
  }

  #tellChange(tables: Tables): void {
    for (const listener of [...this.#changeListeners]) listener(tables);
  }

  /** A port has a thread; the first one of a new owner tells of it. */
  #reached(member: Member, owner: string | undefined): void {
    const isFirst = this.#owner === undefined;
    if (owner === undefined || owner === this.#owner) return;
    this.#owner = owner;
    this.#role = owner === member.id ? "owner" : "client";
    if (isFirst) return;
    const change = { role: this.#role, tookMs: clock.now() - this.#lostAt };
    for (const listener of [...this.#ownerListeners]) listener(change);
  }

  #news(ms: number): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, ms);
      this.#onNews.push(() => {
        clearTimeout(timer);
        resolve();
      });
    });
  }

  #tellNews(): void {
    for (const tell of this.#onNews.splice(0)) tell();
  }

  #thaw: () => void = () => {};

  /** All at once: nothing that takes time would still happen. */
  #freeze(): void {
    if (this.#thawed !== undefined) return;
    this.#thawed = new Promise((resolve) => {
      this.#thaw = () => {
        this.#thawed = undefined;
        resolve();
      };
    });
    this.#letGo();
  }
}

/** Tells when a page is about to stand still, and when it goes on. Workers stand still with their page. */
function watchPage(listener: { frozen(): void; thawed(): void }): () => void {
  if (typeof document === "undefined") return () => {};
  const hidden = ({ persisted }: PageTransitionEvent) => persisted && listener.frozen();
  const shown = ({ persisted }: PageTransitionEvent) => persisted && listener.thawed();
  document.addEventListener("freeze", listener.frozen);
  document.addEventListener("resume", listener.thawed);
  addEventListener("pagehide", hidden);
  addEventListener("pageshow", shown);
  return () => {
    document.removeEventListener("freeze", listener.frozen);
    document.removeEventListener("resume", listener.thawed);
    removeEventListener("pagehide", hidden);
    removeEventListener("pageshow", shown);
  };
}
