// The queue for the write lock of a database that several tabs have open: within this tab the pool's own
// queue, and among tabs the browser's, a Web Lock. Its order is that of asking, it ends with its tab,
// and no other tab has to be awake for it.
//
// Asking the browser takes longer than many a write. So while no other tab has the database open, the
// lock is kept from one write to the next; with others it is let go after each, also where a connection of
// this tab waits: that one asks behind those of other tabs who asked before.

import { clock, LONGEST_TIMER_MS } from "../../clock.ts";
import type { BusyError, WriteLockHolder } from "../../errors.ts";
import { takeWebLock, tryWebLock, type WebLock } from "../../rpc/web-lock.ts";

/** Who asks for the write lock. */
type Claim = Omit<WriteLockHolder, "heldMs">;

interface Limits {
  readonly timeoutMs: number;
  readonly signal?: AbortSignal | undefined;
}

/** The pool's own queue, `pool/write-queue.ts`. */
export interface LocalQueue {
  readonly isBusy: boolean;
  readonly holder: WriteLockHolder | undefined;
  tryAcquire(claim: Claim): boolean;
  acquire(claim: Claim, limits: Limits): Promise<void>;
  release(): void;
  busy(waitedMs: number, sql: string | undefined): BusyError;
  /** Undefined: nobody knows who. */
  busyBehind(
    holder: WriteLockHolder | undefined,
    waitedMs: number,
    sql: string | undefined,
  ): BusyError;
}

/** How long to wait for another tab to say what it writes, in milliseconds. */
const ASK_MS = 250;

/** See the head of this file. */
export class TabWriteQueue<Queue extends LocalQueue> {
  readonly #local: Queue;
  readonly #lockName: string;
  readonly #ask: () => void;
  #lock: WebLock | undefined;
  #isUsed = false;
  #isAlone = true;
  /** Whoever has the local permit waits for the browser's lock. */
  #isWaiting = false;
  /** Who writes in another tab, as far as it has said so. */
  #elsewhere: WriteLockHolder | undefined;
  #onAnswer = () => {};

  /** `ask` asks the other tabs who writes. */
  constructor(local: Queue, lockName: string, ask: () => void) {
    this.#local = local;
    this.#lockName = lockName;
    this.#ask = ask;
  }

  get isBusy(): boolean {
    return !this.#isAlone || this.#local.isBusy;
  }

  /** What this tab writes. */
  get writer(): WriteLockHolder | undefined {
    return this.#isUsed ? this.#local.holder : undefined;
  }

  /** No other tab has the database open. */
  set isAlone(isAlone: boolean) {
    this.#isAlone = isAlone;
    if (!isAlone && !this.#isUsed) this.letGo();
  }

  /** Another tab says what it writes. */
  heard(writer: WriteLockHolder): void {
    this.#elsewhere = writer;
    this.#onAnswer();
  }

  /** Gives the lock back, whoever uses it here. */
  letGo(): void {
    this.#lock?.release();
    this.#lock = undefined;
  }

  tryAcquire(claim: Claim): boolean {
    if (this.#lock === undefined || !this.#local.tryAcquire(claim)) return false;
    this.#isUsed = true;
    return true;
  }

  /** @throws BusyError after `timeoutMs`; the signal's reason */
  async acquire(claim: Claim, limits: Limits): Promise<void> {
    const started = clock.now();
    await this.#local.acquire(claim, limits);
    try {
      if (this.#lock === undefined) {
        const timeoutMs = limits.timeoutMs - (clock.now() - started);
        await this.#takeLock(claim, { ...limits, timeoutMs }, limits.timeoutMs);
      }
      this.#isUsed = true;
    } catch (thrown) {
      this.#local.release();
      throw thrown;
    }
  }

  /** The lock goes first: whoever waits in another tab comes before who waits here. */
  release(): void {
    this.#isUsed = false;
    if (!this.#isAlone) this.letGo();
    this.#local.release();
  }

  busy(waitedMs: number, sql: string | undefined): BusyError {
    if (!this.#isWaiting) return this.#local.busy(waitedMs, sql);
    return this.#local.busyBehind(this.#elsewhere, waitedMs, sql);
  }

  async #takeLock(claim: Claim, { timeoutMs, signal }: Limits, waitedMs: number): Promise<void> {
    // However short the wait may be: a lock that is free is granted.
    const free = await tryWebLock(this.#lockName);
    if (free !== undefined) {
      this.#keep(free);
      if (signal?.aborted) this.letGo();
    }
    signal?.throwIfAborted();
    if (free !== undefined) return;
    const ended = new AbortController();
    const abort = () => ended.abort(signal?.reason);
    signal?.addEventListener("abort", abort);
    const timer =
      timeoutMs > LONGEST_TIMER_MS
        ? undefined
        : setTimeout(() => ended.abort(TOO_LATE), Math.max(timeoutMs, 0));
    this.#isWaiting = true;
    this.#elsewhere = undefined;
    try {
      this.#keep(await takeWebLock(this.#lockName, { signal: ended.signal }));
    } catch (thrown) {
      if (thrown !== TOO_LATE) throw thrown;
      await this.#askWhoWrites();
      throw this.busy(Math.round(waitedMs), claim.sql);
    } finally {
      this.#isWaiting = false;
      clearTimeout(timer);
      signal?.removeEventListener("abort", abort);
    }
  }

  #keep(lock: WebLock): void {
    this.#lock = lock;
    void lock.ended.then(() => {
      if (this.#lock === lock) this.#lock = undefined;
    });
  }

  async #askWhoWrites(): Promise<void> {
    await new Promise<void>((resolve) => {
      this.#onAnswer = resolve;
      setTimeout(resolve, ASK_MS);
      this.#ask();
    });
  }
}

const TOO_LATE = Symbol("too late");
