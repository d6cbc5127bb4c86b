// One thread of the origin among all that have the database open: it knows who else is there, which
// workers take lines, and whether it is the owner. See `rpc/tab-protocol.ts`.
//
//   waiting  -> owner      the owner's lock was granted and no worker of an earlier owner is left
//   any      -> left       by `leave`, or because another member took the lock away

import { clock } from "../../clock.ts";
import type { WriteLockHolder } from "../../errors.ts";
import type { FoundStorage } from "../../rpc/endpoint.ts";
import {
  lifeLock,
  type PortOffer,
  type TabMessage,
  type TabThread,
  tabNames,
} from "../../rpc/tab-protocol.ts";
import { heldTogether, takeWebLock, type WebLock, whenFree } from "../../rpc/web-lock.ts";
import type { Tables } from "../../types.ts";
import { Broker } from "./broker.ts";

/** How often to ask while there is no line to be had. */
export const ASK_EVERY_MS = 200;
/** A member that has said nothing for so long, although asked, is taken for frozen. */
const SILENCE_MS = 1_000;

/** What concerns a line of another member. */
export type LineMessage = Extract<TabMessage, { type: "line" | "interrupt" }>;

/** Whom a member tells of what happens. */
export interface MemberListener {
  /** Another member is here, or gone. */
  onOthers(count: number): void;
  /** This one is the owner now. */
  onOwner(): void;
  /** Another member has taken the ownership away. */
  onStolen(): void;
  /** There may be a line to be had where there was none. */
  onNews(): void;
  onChange(tables: Tables): void;
  /** Another one offers a port for its line to a worker of this one. */
  onOffer(offer: PortOffer, port: MessagePort): void;
  onWriter(writer: WriteLockHolder): void;
  /** A worker has been given a line, or is to stop what it runs for one. */
  onLine(message: LineMessage): void;
  /** What this one writes. */
  writer(): WriteLockHolder | undefined;
}

/** See the head of this file. */
export class Member {
  readonly id = crypto.randomUUID();
  readonly broker: Broker;
  readonly #names: ReturnType<typeof tabNames>;
  readonly #listener: MemberListener;
  readonly #channel: BroadcastChannel;
  readonly #left = new AbortController();
  readonly #locks: WebLock[] = [];
  /** Workers that take lines, as they were heard of last. */
  readonly #threads = new Map<string, TabThread>();
  readonly #others = new Set<string>();
  #found: FoundStorage | undefined;
  #isOwner = false;
  /** It has the owner's lock, or is about to steal it; the files may not be free yet. */
  #isNext = false;
  /** When the owner, or a worker of its, was heard last. */
  #heardAt = clock.now();
  /** Since when nobody has answered, and when the latest question was. */
  #askedAt: number | undefined;
  #lastAskedAt = 0;

  constructor(database: string, listener: MemberListener) {
    this.#names = tabNames(database);
    this.#listener = listener;
    this.#channel = new BroadcastChannel(this.#names.channel);
    this.#channel.onmessage = ({ data }: MessageEvent<TabMessage>) => this.#hear(data);
    this.broker = new Broker(this.id, (offer, port) => listener.onOffer(offer, port));
    void this.#join();
  }

  get isOwner(): boolean {
    return this.#isOwner;
  }

  get hasLeft(): boolean {
    return this.#left.signal.aborted;
  }

  /** Aborted when the member leaves. */
  get signal(): AbortSignal {
    return this.#left.signal;
  }

  /** The worker with the fewest lines. */
  get bestThread(): string | undefined {
    const [best] = [...this.#threads].sort(([, a], [, b]) => a.guests - b.guests);
    return best?.[0];
  }

  /** The storage that the owner's workers have open, as they say. */
  get found(): FoundStorage | undefined {
    return this.#found;
  }

  /** The member that started a worker. */
  ownerOf(thread: string): string | undefined {
    return this.#threads.get(thread)?.owner;
  }

  /** What there is of the database in all tabs. */
  get census(): { tabs: number; threads: number; connections: number } {
    let connections = 0;
    for (const thread of this.#threads.values()) connections += thread.connections;
    return { tabs: this.#others.size + 1, threads: this.#threads.size, connections };
  }

  get threadCount(): number {
    return this.#threads.size;
  }

  /** It owns the database by the browser's account, of which it may not have heard yet. */
  stillOwns(): Promise<boolean> {
    return heldTogether(this.#names.owner, lifeLock(this.id));
  }

  forget(thread: string): void {
    this.#threads.delete(thread);
  }

  post(message: TabMessage): void {
    if (!this.hasLeft) this.#channel.postMessage(message);
  }

  /** Asks who is there; takes the ownership away from one who has not answered for too long. */
  ask(): void {
    const now = clock.now();
    // Where this thread itself was late, the answers may still be on their way in.
    if (now - this.#lastAskedAt > 2 * ASK_EVERY_MS) this.#askedAt = undefined;
    this.#lastAskedAt = now;
    const silentSince = Math.max(this.#heardAt, this.#askedAt ?? now);
    if (this.#isNext) {
      // A worker of the one before may have been about to start, and not have heard it.
      if (!this.#isOwner) this.post({ type: "handOver" });
    } else if (now - silentSince > SILENCE_MS) {
      this.#isNext = true;
      void this.#take({ steal: true });
    }
    this.#askedAt ??= now;
    this.post({ type: "hello", member: this.id });
  }

  /** Lets go of everything. */
  leave(): void {
    if (this.hasLeft) return;
    this.#left.abort(LEFT);
    this.#isOwner = false;
    this.#channel.close();
    this.broker.close();
    for (const lock of this.#locks) lock.release();
  }

  async #join(): Promise<void> {
    await this.#hold(takeWebLock(lifeLock(this.id)));
    this.post({ type: "hello", member: this.id });
    await this.#take({});
  }

  /** Waits to become the owner. */
  async #take(options: { readonly steal?: boolean }): Promise<void> {
    const signal = this.#left.signal;
    try {
      // A lock can be stolen or waited for, but the wait cannot be called off in both cases.
      const owner = await this.#hold(
        takeWebLock(this.#names.owner, options.steal ? options : { signal }),
      );
      if (this.#isOwner || this.hasLeft) return;
      this.#isNext = true;
      void owner.ended.then(() => this.#stolen());
      if (options.steal) this.post({ type: "handOver" });
      this.#say();
      const files = await takeWebLock(this.#names.files, { signal });
      files.release();
    } catch (thrown) {
      if (thrown === LEFT) return;
      throw thrown;
    }
    if (this.hasLeft) return;
    this.#isOwner = true;
    this.#listener.onOwner();
    this.#listener.onNews();
  }

  #stolen(): void {
    if (this.hasLeft) return;
    this.leave();
    this.#listener.onStolen();
  }

  async #hold(taking: Promise<WebLock>): Promise<WebLock> {
    const lock = await taking;
    if (this.hasLeft) lock.release();
    else this.#locks.push(lock);
    return lock;
  }

  #hear(message: TabMessage): void {
    switch (message.type) {
      case "hello":
        this.#meet(message.member);
        this.#say();
        return;
      case "here":
        this.#meet(message.member);
        if (message.isOwner) this.#heard();
        return;
      case "thread":
        this.#heard();
        this.#note(message.thread, message);
        this.#found = message.found;
        return;
      case "change":
        this.#listener.onChange(message.tables);
        return;
      case "whoWrites": {
        const writer = this.#listener.writer();
        if (writer !== undefined) this.post({ type: "writes", writer });
        return;
      }
      case "writes":
        this.#listener.onWriter(message.writer);
        return;
      case "line":
      case "interrupt":
        this.#listener.onLine(message);
        return;
      case "handOver":
        return;
      default:
        message satisfies never;
    }
  }

  #heard(): void {
    this.#heardAt = clock.now();
    this.#askedAt = undefined;
  }

  /** Holding the lock is enough to be waited for, also while the files are not free yet. */
  #say(): void {
    const isOwner = this.#locks.length > 1;
    this.post({ type: "here", member: this.id, isOwner });
  }

  #meet(member: string): void {
    if (this.#others.has(member)) return;
    this.#others.add(member);
    this.#listener.onOthers(this.#others.size);
    void this.#whenGone(member, () => {
      this.#others.delete(member);
      this.#listener.onOthers(this.#others.size);
    });
  }

  #note(thread: string, { owner, found, guests, connections }: TabThread): void {
    const isNew = !this.#threads.has(thread);
    this.#threads.set(thread, { owner, found, guests, connections });
    if (!isNew) return;
    this.#listener.onNews();
    void this.#whenGone(thread, () => this.#threads.delete(thread));
  }

  async #whenGone(id: string, then: () => void): Promise<void> {
    try {
      await whenFree(lifeLock(id), this.#left.signal);
      then();
    } catch {
      // This member left first.
    }
  }
}

const LEFT = Symbol("left");
