// The lock words of the shared memory, seen by one instance. Every operation is a try: it takes the
// lock or says no, and never waits, so that no order of locks can dead-lock.
//
// A slot stands for an instance, not for a connection: connections of one instance agree among
// themselves (`wal-index.ts`, `file-lock.ts`) and show up here once.

import { clock } from "../clock.ts";
import {
  EXCLUSIVE,
  FILE_PENDING,
  FILE_RESERVED,
  FILE_SHARED,
  GEN,
  MAX_SLOTS,
  MUTEX,
  REGION_BYTES,
  REGION_GEN,
  REGIONS,
  RELEASES,
  SHM_LOCK_COUNT,
  SHM_LOCKS,
  type SharedMemory,
  SIZE_GEN,
  SLOTS,
  WAITERS,
} from "./layout.ts";

/** How long an instance waits for the mutex before it gives up: it is held for microseconds. */
const MUTEX_PATIENCE_MS = 5_000;
/** Most that passes between two looks at the mutex while the thread runs. */
const LONGEST_STEP_MS = 100;
/** Looks at the mutex for one who may not wait: its living holders have it for microseconds. */
const MOST_LOOKS = 1_000_000;

/** The mutex stayed taken: its holder died and nobody has cleaned up yet. */
export class MutexTimeout extends Error {
  override readonly name = "MutexTimeout";
}

/** One instance's hold on the lock words. */
export class LockTable {
  readonly control: Int32Array;
  readonly slot: number;
  readonly #bit: number;

  constructor(memory: SharedMemory, slot: number) {
    this.control = new Int32Array(memory.control);
    this.slot = slot;
    this.#bit = 1 << slot;
  }

  /** Takes the mutex. @throws MutexTimeout */
  enter(): void {
    const { control } = this;
    if (Atomics.compareExchange(control, MUTEX, 0, this.slot + 1) === 0) return;
    // Of a time in which the process stood still, one step counts: its mutex could not be let go of then.
    let spentMs = 0;
    for (
      let last = clock.now();
      Atomics.compareExchange(control, MUTEX, 0, this.slot + 1) !== 0;
    ) {
      const now = clock.now();
      spentMs += Math.min(now - last, LONGEST_STEP_MS);
      last = now;
      if (spentMs > MUTEX_PATIENCE_MS) {
        throw new MutexTimeout(
          `the wal-index stayed locked by slot ${Atomics.load(control, MUTEX) - 1} for ${MUTEX_PATIENCE_MS} ms`,
        );
      }
    }
  }

  leave(): void {
    Atomics.store(this.control, MUTEX, 0);
  }

  /** Joins the holders of a wal-index lock. */
  tryShared(lock: number): boolean {
    const { control } = this;
    const word = SHM_LOCKS + lock;
    let seen = Atomics.load(control, word);
    while ((seen & EXCLUSIVE) === 0) {
      const before = Atomics.compareExchange(control, word, seen, seen | this.#bit);
      if (before === seen) return true;
      seen = before;
    }
    return false;
  }

  unlockShared(lock: number): void {
    Atomics.and(this.control, SHM_LOCKS + lock, ~this.#bit);
    this.#released();
  }

  /** Takes a wal-index lock that nobody holds. */
  tryExclusive(lock: number): boolean {
    const word = SHM_LOCKS + lock;
    return Atomics.compareExchange(this.control, word, 0, EXCLUSIVE | this.slot) === 0;
  }

  unlockExclusive(lock: number): void {
    Atomics.store(this.control, SHM_LOCKS + lock, 0);
    this.#released();
  }

  /** Some instance waits for the readers of the database file to leave, or has it to itself. */
  isFilePending(): boolean {
    return Atomics.load(this.control, FILE_PENDING) !== 0;
  }

  /**
   * Joins the readers of the database file, as the first of its instance. PENDING is looked at again after
   * the bit is set: a writer sets PENDING first and counts readers then, so one of the two always sees the
   * other.
   */
  tryFileShared(): boolean {
    const { control } = this;
    if (this.isFilePending()) return false;
    Atomics.or(control, FILE_SHARED, this.#bit);
    if (!this.isFilePending()) return true;
    this.unlockFileShared();
    return false;
  }

  unlockFileShared(): void {
    Atomics.and(this.control, FILE_SHARED, ~this.#bit);
    this.#released();
  }

  /** Takes RESERVED or PENDING. True as well when this instance has it already. */
  tryFileWord(word: typeof FILE_RESERVED | typeof FILE_PENDING): boolean {
    const before = Atomics.compareExchange(this.control, word, 0, this.slot + 1);
    return before === 0 || before === this.slot + 1;
  }

  unlockFileWord(word: typeof FILE_RESERVED | typeof FILE_PENDING): void {
    if (Atomics.compareExchange(this.control, word, this.slot + 1, 0) === this.slot + 1) {
      this.#released();
    }
  }

  /** No other instance reads the database file. Stays true while this one holds PENDING. */
  isOnlyFileReader(): boolean {
    return (Atomics.load(this.control, FILE_SHARED) & ~this.#bit) === 0;
  }

  /**
   * Some instance means to write the database file. One that rolls a hot journal back has PENDING without
   * RESERVED, and must not count: whoever else finds that journal would take it for a living writer's, and
   * read what is to be rolled back (pager.c, `hasHotJournal`).
   */
  isFileReserved(): boolean {
    return Atomics.load(this.control, FILE_RESERVED) !== 0;
  }

  #released(): void {
    noteRelease(this.control);
  }
}

/** Tells whoever sleeps on a lock that one was let go. */
function noteRelease(control: Int32Array): void {
  Atomics.add(control, RELEASES, 1);
  if (Atomics.load(control, WAITERS) !== 0) Atomics.notify(control, RELEASES);
}

function tryEnter(control: Int32Array, slot: number): boolean {
  for (let looks = 0; looks < MOST_LOOKS; looks++) {
    if (Atomics.compareExchange(control, MUTEX, 0, slot + 1) === 0) return true;
  }
  return false;
}

/** Takes a slot out of a lock's word: its bit among those that share it, or the whole where it is exclusive. */
function dropLock(control: Int32Array, word: number, slot: number): void {
  if (Atomics.compareExchange(control, word, EXCLUSIVE | slot, 0) === (EXCLUSIVE | slot)) return;
  // A number of a slot may have the bit, too: only a word that is still a set may lose it.
  for (let seen = Atomics.load(control, word); (seen & EXCLUSIVE) === 0; ) {
    const before = Atomics.compareExchange(control, word, seen, seen & ~(1 << slot));
    if (before === seen) return;
    seen = before;
  }
}

/** Takes a free slot for a new instance, or returns undefined when all {@link MAX_SLOTS} are taken. */
export function claimSlot(memory: SharedMemory): number | undefined {
  const control = new Int32Array(memory.control);
  for (let slot = 0; slot < MAX_SLOTS; slot++) {
    const bit = 1 << slot;
    if ((Atomics.or(control, SLOTS, bit) & bit) === 0) return slot;
  }
  return undefined;
}

/** Makes SQLite recover the index from the log. The mutex is held, and no one holds WRITE. */
export function voidHeaders(memory: SharedMemory): void {
  const control = new Int32Array(memory.control);
  if (Atomics.load(control, REGIONS) === 0) return;
  new Uint8Array(memory.regions, 0, REGION_BYTES).fill(0, 0, 96);
  const gen = Atomics.add(control, GEN, 1) + 1;
  Atomics.store(control, REGION_GEN, gen);
}

/**
 * Gives back everything an instance held, whether it closed or died. Only called when its thread
 * runs no more. Invariant: afterwards no word of the control block mentions the slot.
 *
 * An instance that died inside the mutex may have left half a copy in the master, and one that had the file
 * to itself (`locking_mode = exclusive`) has committed without publishing anything. Both copies of the index
 * header are then zeroed, which no reader accepts: the next one recovers the index from the log (wal.c,
 * `walIndexReadHdr`).
 */
export function reapSlot(memory: SharedMemory, slot: number): void {
  const control = new Int32Array(memory.control);
  const isInMutex = Atomics.load(control, MUTEX) === slot + 1;
  if (isInMutex || Atomics.load(control, FILE_PENDING) === slot + 1) {
    // Where it cannot be had, its holder is dead as well, and all is void once that one is reaped.
    const hasMutex = isInMutex || tryEnter(control, slot);
    voidHeaders(memory);
    if (hasMutex) Atomics.store(control, MUTEX, 0);
  }
  // Whoever was in the middle of a change of the file's size could not say so any more.
  Atomics.add(control, SIZE_GEN, 1);
  for (let lock = 0; lock < SHM_LOCK_COUNT; lock++) dropLock(control, SHM_LOCKS + lock, slot);
  Atomics.and(control, FILE_SHARED, ~(1 << slot));
  Atomics.compareExchange(control, FILE_RESERVED, slot + 1, 0);
  Atomics.compareExchange(control, FILE_PENDING, slot + 1, 0);
  Atomics.and(control, SLOTS, ~(1 << slot));
  noteRelease(control);
}
