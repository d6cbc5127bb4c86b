// The wal-index of one database in one WebAssembly instance.
//
// SQLite expects the wal-index to be memory that all connections share. WebAssembly instances have
// no memory in common, so each keeps a private copy of every 32 KiB region in its heap, and the
// copies meet in a master (`layout.ts`) at the points where SQLite needs them to agree. All
// connections of one instance share its one copy, as threads of one process do natively.
//
// Region 0 (https://sqlite.org/walformat.html, wal.c `WalIndexHdr` and `WalCkptInfo`):
//   bytes    0..95   two copies of the header           domain A
//   word 24          nBackfill                          domain B
//   words 25..29     aReadMark[0..4]                    domain B
//   words 30..31     the lock bytes, unused: locks live in the lock table
//   word 32          nBackfillAttempted                 domain B
//   bytes 136..      page numbers and hash table        domain A, as are all further regions
//
// Who writes what:
//   A  only the holder of WRITE (a recovery holds it as well)
//   B  each read mark the exclusive holder of its own READ lock; the other two the checkpointer, and
//      the writer that restarts the log
//
// The rules:
//   pull  after every lock taken, in the barrier, and before a statement starts. Nothing to do when
//         GEN is the one seen last. A is left alone while this instance holds WRITE, because its
//         own A is newer; a B word is taken only where this instance has not changed it itself.
//   push  before every exclusive lock is let go: first the bytes, then the lock, so whoever takes
//         the lock next finds the bytes. All in one hold of the mutex, so that no one ever sees a
//         header without the read marks that belong to it. Also on letting go of READ(1..4), in
//         the middle of a log restart: a reader that takes such a lock must find the new header.
//   A connection with `locking_mode = exclusive` takes the EXCLUSIVE lock of the file instead of those here:
//         pull when it has it, push before it is let go.
//   never push in the barrier: it stands between SQLite's writes of the two header copies.

import { copyFrames, regionOf } from "./frame-index.ts";
import type { Heap } from "./heap.ts";
import {
  GEN,
  growRegions,
  RECOVER_LOCK,
  REGION_BYTES,
  REGION_GEN,
  REGIONS,
  SHM_LOCK_COUNT,
  type SharedMemory,
  WRITE_LOCK,
} from "./layout.ts";
import { type LockTable, voidHeaders } from "./lock-table.ts";

/** Word offset of nBackfill. */
const BACKFILL = 24;
/** Word offsets of domain B. */
const B_WORDS = [BACKFILL, 25, 26, 27, 28, 29, 32] as const;
/** Bytes of both header copies. */
const HEADERS_BYTES = 96;
const HEADERS_WORDS = HEADERS_BYTES / 4;
/** Words of one header copy. */
const HEADER_WORDS = 12;
/** Where page numbers start in region 0. */
const PAGES_OFFSET = 136;
/** Word offsets within a header copy. */
const MX_FRAME = 4;
const SALT_1 = 8;
const SALT_2 = 9;

/** One region's copy in this instance's heap. */
interface Region {
  readonly address: number;
  /** The region's generation when it was copied last. */
  seen: number;
}

/** One connection's hold on the wal-index. */
export interface ShmHolder {
  sharedMask: number;
  exclusiveMask: number;
}

/** The wal-index of one database in one instance. */
export class WalIndex {
  readonly #memory: SharedMemory;
  readonly #table: LockTable;
  readonly #control: Int32Array;
  readonly #heap: Heap;
  readonly #master: Uint8Array;
  readonly #masterWords: Uint32Array;
  #regions: (Region | undefined)[] = [];
  /** GEN at the last pull that saw everything. */
  #seen = -1;
  /** Domain B as it was when it last agreed with the master. */
  readonly #shadowB = new Uint32Array(B_WORDS.length);
  /** Header copy 0 as it was when it last agreed with the master. */
  readonly #shadowHeader = new Uint32Array(HEADER_WORDS);
  /** This instance's own A is newer than the master's. Set only after the pull of taking WRITE. */
  #holdsWrite = false;
  readonly #sharers = new Int32Array(SHM_LOCK_COUNT);
  readonly #excluders: (ShmHolder | undefined)[] = new Array(SHM_LOCK_COUNT);
  readonly #holders = new Set<ShmHolder>();

  constructor(memory: SharedMemory, table: LockTable, heap: Heap) {
    this.#memory = memory;
    this.#table = table;
    this.#control = table.control;
    this.#heap = heap;
    this.#master = new Uint8Array(memory.regions);
    this.#masterWords = new Uint32Array(memory.regions);
  }

  /**
   * The heap address of a region: 0 where it does not exist and `extend` is false, -1 where there
   * is no memory for it.
   *
   * A region that is new to this instance is copied whole, even while it holds WRITE: its own copy
   * has nothing newer, and a blank page of the index would make SQLite take all frames of it for
   * checkpointed.
   */
  map(holder: ShmHolder, index: number, extend: boolean): number {
    this.#holders.add(holder);
    const known = this.#regions[index];
    if (known !== undefined) return known.address;
    this.#table.enter();
    try {
      if (index >= Atomics.load(this.#control, REGIONS)) {
        if (!extend) return 0;
        if (!growRegions(this.#memory.regions, index + 1)) return -1;
        Atomics.store(this.#control, REGIONS, index + 1);
      }
      const address = this.#heap.alloc(REGION_BYTES);
      if (address === 0) return -1;
      this.#copyNewRegion(index, address);
      return address;
    } finally {
      this.#table.leave();
    }
  }

  /** Takes `count` locks from `first` on; all or, returning false, none. */
  lock(holder: ShmHolder, first: number, count: number, exclusive: boolean): boolean {
    const taken = exclusive
      ? this.#lockExclusive(holder, first, count)
      : this.#lockShared(holder, first);
    if (!taken) return false;
    try {
      this.pull();
    } catch (thrown) {
      // To SQLite it is not taken. Nothing has been changed under it.
      if (exclusive) this.#letGo(holder, first, count);
      else this.#unlockShared(holder, first);
      throw thrown;
    }
    if (exclusive && first === WRITE_LOCK) this.#holdsWrite = true;
    return true;
  }

  /** Lets go of locks; what was changed under an exclusive one is published first. */
  unlock(holder: ShmHolder, first: number, count: number, exclusive: boolean): void {
    if (exclusive) this.#unlockExclusive(holder, first, count);
    else this.#unlockShared(holder, first);
  }

  /** A connection of this instance holds WRITE. */
  get isWriting(): boolean {
    return this.#excluders[WRITE_LOCK] !== undefined;
  }

  /** Brings this instance's copy up to the master. One comparison when nothing has changed. */
  pull(): void {
    if (Atomics.load(this.#control, GEN) === this.#seen) return;
    this.#table.enter();
    try {
      for (let index = 0; index < this.#regions.length; index++) {
        const region = this.#regions[index];
        if (region === undefined) continue;
        const gen = Atomics.load(this.#control, REGION_GEN + index);
        if (gen === region.seen) continue;
        this.#copyIn(index, region);
        region.seen = gen;
      }
      this.#seen = Atomics.load(this.#control, GEN);
    } finally {
      this.#table.leave();
    }
  }

  /**
   * Publishes what a connection has committed that had the file to itself: with `locking_mode = exclusive`
   * SQLite takes none of the locks here. Where it had an index of its own as well, what is here is void.
   * @pre it still holds the EXCLUSIVE lock of the file, and has pulled since it took it
   */
  publishExclusive(holder: ShmHolder): void {
    if (!this.#holders.has(holder)) {
      if (Atomics.load(this.#control, REGIONS) > 0) this.invalidate();
      return;
    }
    this.#push(true);
  }

  /** The log is no more what the index says: the next reader recovers it. Nobody holds WRITE. */
  invalidate(): void {
    this.#table.enter();
    try {
      voidHeaders(this.#memory);
    } finally {
      this.#table.leave();
    }
  }

  /**
   * The pages of the checkpoint that is under way are not in the database file after all: what it says of
   * them, and has not published yet, is undone.
   */
  undoBackfill(): void {
    const region = this.#regions[0];
    if (region !== undefined) {
      this.#heap.u32()[(region.address >> 2) + BACKFILL] = this.#shadowB[0] ?? 0;
    }
  }

  /** Ends a connection's use. `remove`: it was the last one anywhere, the index starts anew. */
  unmap(holder: ShmHolder, remove: boolean): void {
    this.#dropLocks(holder);
    this.#holders.delete(holder);
    if (remove) this.#clearMaster();
    if (this.#holders.size > 0) return;
    for (const region of this.#regions) if (region !== undefined) this.#heap.free(region.address);
    this.#regions = [];
  }

  #lockShared(holder: ShmHolder, lock: number): boolean {
    if (this.#excluders[lock] !== undefined) return false;
    if (this.#sharers[lock] === 0 && !this.#table.tryShared(lock)) return false;
    this.#sharers[lock] = (this.#sharers[lock] ?? 0) + 1;
    holder.sharedMask |= 1 << lock;
    return true;
  }

  #unlockShared(holder: ShmHolder, lock: number): void {
    if ((holder.sharedMask & (1 << lock)) === 0) return;
    holder.sharedMask &= ~(1 << lock);
    const left = (this.#sharers[lock] ?? 0) - 1;
    this.#sharers[lock] = left;
    if (left === 0) this.#table.unlockShared(lock);
  }

  #lockExclusive(holder: ShmHolder, first: number, count: number): boolean {
    for (let lock = first; lock < first + count; lock++) {
      const free = this.#excluders[lock] === undefined && this.#sharers[lock] === 0;
      if (free && this.#table.tryExclusive(lock)) continue;
      while (--lock >= first) this.#table.unlockExclusive(lock);
      return false;
    }
    for (let lock = first; lock < first + count; lock++) {
      this.#excluders[lock] = holder;
      holder.exclusiveMask |= 1 << lock;
    }
    return true;
  }

  #unlockExclusive(holder: ShmHolder, first: number, count: number): void {
    this.#push();
    this.#letGo(holder, first, count);
  }

  #letGo(holder: ShmHolder, first: number, count: number): void {
    for (let lock = first; lock < first + count; lock++) {
      if (this.#excluders[lock] !== holder) continue;
      if (lock === WRITE_LOCK) this.#holdsWrite = false;
      this.#excluders[lock] = undefined;
      holder.exclusiveMask &= ~(1 << lock);
      this.#table.unlockExclusive(lock);
    }
  }

  #dropLocks(holder: ShmHolder): void {
    for (let lock = 0; lock < SHM_LOCK_COUNT; lock++) {
      if (holder.exclusiveMask & (1 << lock)) this.#unlockExclusive(holder, lock, 1);
      if (holder.sharedMask & (1 << lock)) this.#unlockShared(holder, lock);
    }
  }

  /** Copies a region that this instance has not had before. The mutex is held. */
  #copyNewRegion(index: number, address: number): void {
    const start = index * REGION_BYTES;
    this.#heap.u8().set(this.#master.subarray(start, start + REGION_BYTES), address);
    this.#regions[index] = { address, seen: Atomics.load(this.#control, REGION_GEN + index) };
    if (index > 0) return;
    const words = this.#heap.u32();
    this.#shadowHeader.set(words.subarray(address >> 2, (address >> 2) + HEADER_WORDS));
    for (const [i, word] of B_WORDS.entries()) this.#shadowB[i] = words[(address >> 2) + word] ?? 0;
  }

  /** Takes the master's version of a region. The mutex is held. */
  #copyIn(index: number, region: Region): void {
    const start = index * REGION_BYTES;
    const { address } = region;
    const heap = this.#heap.u8();
    if (index > 0) {
      if (!this.#holdsWrite) {
        heap.set(this.#master.subarray(start, start + REGION_BYTES), address);
      }
      return;
    }
    if (!this.#holdsWrite) {
      heap.set(this.#master.subarray(0, HEADERS_BYTES), address);
      heap.set(this.#master.subarray(PAGES_OFFSET, REGION_BYTES), address + PAGES_OFFSET);
      this.#shadowHeader.set(this.#masterWords.subarray(0, HEADER_WORDS));
    }
    this.#copyInB(address);
  }

  /** A word this instance has changed itself is its own to publish, and stays. */
  #copyInB(address: number): void {
    const words = this.#heap.u32();
    const base = address >> 2;
    for (let i = 0; i < B_WORDS.length; i++) {
      const word = B_WORDS[i] ?? 0;
      if (words[base + word] !== this.#shadowB[i]) continue;
      const value = this.#masterWords[word] ?? 0;
      words[base + word] = value;
      this.#shadowB[i] = value;
    }
  }

  /**
   * Publishes what this instance has changed. GEN counts as seen only if nobody else had moved it
   * since the last pull: otherwise the next pull must still fetch their words.
   */
  #push(ownsA = this.#holdsWrite): void {
    const region = this.#regions[0];
    if (region === undefined) return;
    const words = this.#heap.u32();
    const base = region.address >> 2;
    const headerChanged = ownsA && this.#headerDiffers(words, base);
    if (!headerChanged && !this.#bDiffers(words, base)) return;
    this.#table.enter();
    try {
      const before = Atomics.load(this.#control, GEN);
      const gen = (before + 1) | 0;
      this.#copyOutB(words, base);
      if (headerChanged) this.#copyOutA(words, base, gen, before === this.#seen);
      Atomics.store(this.#control, REGION_GEN, gen);
      Atomics.store(this.#control, GEN, gen);
      if (before !== this.#seen) return;
      region.seen = gen;
      this.#seen = gen;
    } finally {
      this.#table.leave();
    }
  }

  #headerDiffers(words: Uint32Array, base: number): boolean {
    for (let i = 0; i < HEADER_WORDS; i++) {
      if (words[base + i] !== this.#shadowHeader[i]) return true;
    }
    return false;
  }

  #bDiffers(words: Uint32Array, base: number): boolean {
    for (let i = 0; i < B_WORDS.length; i++) {
      if (words[base + (B_WORDS[i] ?? 0)] !== this.#shadowB[i]) return true;
    }
    return false;
  }

  #copyOutB(words: Uint32Array, base: number): void {
    for (let i = 0; i < B_WORDS.length; i++) {
      const word = B_WORDS[i] ?? 0;
      const value = words[base + word] ?? 0;
      if (value === this.#shadowB[i]) continue;
      this.#masterWords[word] = value;
      this.#shadowB[i] = value;
    }
  }

  /**
   * Publishes the header and the regions it speaks of: what was appended since, where the log went on,
   * and all of them where it was restarted or recovered. The master has what this instance had when
   * their headers agreed last, because nobody else has written A since.
   */
  #copyOutA(words: Uint32Array, base: number, gen: number, current: boolean): void {
    const old = this.#shadowHeader;
    const frames = words[base + MX_FRAME] ?? 0;
    const oldFrames = old[MX_FRAME] ?? 0;
    const wentOn =
      words[base + SALT_1] === old[SALT_1] &&
      words[base + SALT_2] === old[SALT_2] &&
      frames >= oldFrames &&
      this.#excluders[RECOVER_LOCK] === undefined;
    const last = regionOf(frames);
    for (let index = wentOn ? regionOf(oldFrames + 1) : 0; index <= last; index++) {
      const region = this.#regions[index];
      if (region === undefined) continue;
      const { address } = region;
      const to = (index * REGION_BYTES) / 4;
      const appended = { first: oldFrames + 1, last: frames };
      if (!wentOn || !copyFrames(words, address >> 2, this.#masterWords, to, appended)) {
        this.#copyOut(index, address);
      }
      Atomics.store(this.#control, REGION_GEN + index, gen);
      if (current) region.seen = gen;
    }
    for (let i = 0; i < HEADERS_WORDS; i++) this.#masterWords[i] = words[base + i] ?? 0;
    for (let i = 0; i < HEADER_WORDS; i++) old[i] = words[base + i] ?? 0;
  }

  /** Publishes a region, but for the header and domain B. */
  #copyOut(index: number, address: number): void {
    const skip = index === 0 ? PAGES_OFFSET : 0;
    const bytes = this.#heap.u8().subarray(address + skip, address + REGION_BYTES);
    this.#master.set(bytes, index * REGION_BYTES + skip);
  }

  #clearMaster(): void {
    this.#table.enter();
    try {
      const count = Atomics.load(this.#control, REGIONS);
      const gen = (Atomics.load(this.#control, GEN) + 1) | 0;
      this.#master.fill(0, 0, count * REGION_BYTES);
      for (let i = 0; i < count; i++) Atomics.store(this.#control, REGION_GEN + i, gen);
      Atomics.store(this.#control, REGIONS, 0);
      Atomics.store(this.#control, GEN, gen);
    } finally {
      this.#table.leave();
    }
  }
}
