// A queue of frames in shared memory, from one thread (the producer) to one other (the consumer).
//
//   i32 HEAD   bytes ever written, modulo 2^32; only the producer stores it
//   i32 TAIL   bytes ever read, modulo 2^32; only the consumer stores it
//   i32 STATE  what the consumer does: AWAKE, WAITING on this word, or ASLEEP in its event loop
//   i32 LOOKS  1 where the consumer may look for frames before it waits; only the producer stores it
//   from byte 64: the frames, each a multiple of 8 bytes whose first word is its size in bytes
//
// A frame does not wrap around: where the rest is too short for it, the rest starts with SKIP.
// No wake-up is lost: the producer stores HEAD before it reads STATE, the consumer stores STATE
// before it reads HEAD once more.

import { canShareMemory } from "../shared-memory.ts";
import { copyWords } from "./cells.ts";

const HEAD = 0;
const TAIL = 1;
const STATE = 2;
const LOOKS = 3;
const AWAKE = 0;
const WAITING = 1;
const ASLEEP = 2;
const SKIP = -1;
const CONTROL_BYTES = 64;
const CAPACITY = 1 << 18;

/** A smaller frame is faster copied word by word than through a subarray. */
const FEW_BYTES = 256;

/** A frame is at most so large; what is larger goes by `postMessage`. */
export const MOST_FRAME_BYTES = 1 << 14;

/** The memory of an empty ring. */
export function newRing(): SharedArrayBuffer {
  return new SharedArrayBuffer(CONTROL_BYTES + CAPACITY);
}

/** The producer's end. */
export class RingWriter {
  readonly #control: Int32Array;
  readonly #words: Int32Array;

  constructor(memory: SharedArrayBuffer) {
    this.#control = new Int32Array(memory, 0, CONTROL_BYTES / 4);
    this.#words = new Int32Array(memory, CONTROL_BYTES);
  }

  /** Appends a frame; false where there is no room for it now. */
  write(frame: Int32Array): boolean {
    const size = frame[0] ?? 0;
    const head = Atomics.load(this.#control, HEAD);
    const used = (head - Atomics.load(this.#control, TAIL)) >>> 0;
    const at = (head >>> 0) % CAPACITY;
    const rest = CAPACITY - at;
    const skipped = rest < size ? rest : 0;
    if (used + skipped + size > CAPACITY) return false;
    if (skipped > 0) this.#words[at / 4] = SKIP;
    copyWords(frame, this.#words, skipped > 0 ? 0 : at / 4, size / 4);
    Atomics.store(this.#control, HEAD, (head + skipped + size) | 0);
    return true;
  }

  /** Wakes the consumer. True where it sleeps in its event loop, where only a message wakes it. */
  wake(): boolean {
    const state = Atomics.load(this.#control, STATE);
    if (state === AWAKE) return false;
    if (Atomics.compareExchange(this.#control, STATE, state, AWAKE) !== state) return false;
    Atomics.notify(this.#control, STATE);
    return state === ASLEEP;
  }

  /** Whether the consumer may use up a core with looking for frames. */
  letLook(may: boolean): void {
    this.#control[LOOKS] = may ? 1 : 0;
  }

  /** Blocks for `ms`, in which the consumer may read something. */
  waitForRoom(ms: number): void {
    // Nobody is told that there is room: a full ring is rare, and telling would cost every reader.
    Atomics.wait(this.#control, TAIL, Atomics.load(this.#control, TAIL), ms);
  }
}

/** The consumer's end. */
export class RingReader {
  readonly #control: Int32Array<SharedArrayBuffer>;
  readonly #words: Int32Array;

  constructor(memory: SharedArrayBuffer) {
    this.#control = new Int32Array(memory, 0, CONTROL_BYTES / 4);
    this.#words = new Int32Array(memory, CONTROL_BYTES);
  }

  get isEmpty(): boolean {
    return Atomics.load(this.#control, HEAD) === Atomics.load(this.#control, TAIL);
  }

  /** Copies the oldest frame to `target`, takes it from the ring and returns its size, or 0. */
  read(target: Int32Array): number {
    for (;;) {
      const tail = Atomics.load(this.#control, TAIL);
      if (Atomics.load(this.#control, HEAD) === tail) return 0;
      const at = (tail >>> 0) % CAPACITY;
      const size = this.#words[at / 4] ?? 0;
      if (size === SKIP) {
        Atomics.store(this.#control, TAIL, (tail + CAPACITY - at) | 0);
        continue;
      }
      if (size > FEW_BYTES) target.set(this.#words.subarray(at / 4, (at + size) / 4));
      else for (let i = 0; i < size / 4; i++) target[i] = this.#words[at / 4 + i] ?? 0;
      Atomics.store(this.#control, TAIL, (tail + size) | 0);
      return size;
    }
  }

  /** Nobody needs the core of whoever looks again and again. */
  get mayLook(): boolean {
    return this.#control[LOOKS] === 1;
  }

  /** Blocks until there is a frame, at most `ms`. */
  wait(ms: number): void {
    Atomics.store(this.#control, STATE, WAITING);
    if (this.isEmpty) Atomics.wait(this.#control, STATE, WAITING, ms);
    Atomics.store(this.#control, STATE, AWAKE);
  }

  /** From now on a message wakes the consumer. False where there is a frame after all. */
  fallAsleep(): boolean {
    Atomics.store(this.#control, STATE, ASLEEP);
    if (this.isEmpty) return true;
    Atomics.store(this.#control, STATE, AWAKE);
    return false;
  }

  /** Calls `listener` soon after there is a frame, without blocking. */
  whenFilled(listener: () => void): void {
    Atomics.store(this.#control, STATE, WAITING);
    if (!this.isEmpty) {
      Atomics.store(this.#control, STATE, AWAKE);
      queueMicrotask(listener);
      return;
    }
    const waiting = Atomics.waitAsync(this.#control, STATE, WAITING);
    if (waiting.async) void waiting.value.then(listener);
    else queueMicrotask(listener);
  }
}

/** Rings work here: there is shared memory, and a way to wait for it without blocking. */
export function canUseRings(): boolean {
  return canShareMemory() && "waitAsync" in Atomics;
}
