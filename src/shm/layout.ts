// The memory that all SQLite instances of one database share: who may write what, and when.
//
//   control  Int32 words, all accessed with Atomics
//     0  MUTEX      0, or the slot + 1 of the instance inside; guards GEN, REGIONS, regionGen[] and
//                   the bytes of `regions`
//     1  GEN        raised by each change of the bytes of `regions`
//     2  REGIONS    32 KiB regions that exist
//     3  SLOTS      bit s: slot s belongs to a living instance
//     4  RELEASES   raised by each lock let go; waiters sleep on it
//     5  WAITERS    how many sleep on RELEASES
//     6  FILE_SHARED    bit s: instance s holds SHARED or more on the database file
//     7  FILE_RESERVED  0, or the slot + 1 of the instance that holds RESERVED or more
//     8  FILE_PENDING   0, or the slot + 1 of the instance that holds PENDING or EXCLUSIVE
//     9  SIZE_GEN   raised after each change of the database file's size
//    10  FILE_ID    0, or the identity of the database file, set by whoever opens it first
//   16..23  SHM_LOCKS   the eight locks of the wal-index: 0, a bit set of the slots that share it,
//                       or EXCLUSIVE | slot
//   32..    REGION_GEN  the GEN at which each region changed last
//
//   regions  the master copy of the wal-index, grown region by region; see `wal-index.ts`
//
// Lock order: a lock word is only ever tried, never waited for; the mutex is the innermost and held
// for a few copies. A crash leaves the words of its slot set: `reapSlot` clears them, and where
// the dead instance was inside the mutex, it voids the wal-index header, so that SQLite recovers
// the index from the log, as it does after a crash of a process (https://sqlite.org/walformat.html).

import { canShareMemory } from "../shared-memory.ts";

/** Most instances (threads) of one database. 30, so that a bit set fits beside the exclusive flag. */
export const MAX_SLOTS = 30;

export const MUTEX = 0;
export const GEN = 1;
export const REGIONS = 2;
export const SLOTS = 3;
export const RELEASES = 4;
export const WAITERS = 5;
export const FILE_SHARED = 6;
export const FILE_RESERVED = 7;
export const FILE_PENDING = 8;
export const SIZE_GEN = 9;
export const FILE_ID = 10;
export const SHM_LOCKS = 16;
export const REGION_GEN = 32;

/** In a lock word: held exclusively by the slot in the low bits. */
export const EXCLUSIVE = 0x40000000;

/** Locks of the wal-index, `SQLITE_SHM_NLOCK`. */
export const SHM_LOCK_COUNT = 8;
export const WRITE_LOCK = 0;
export const CHECKPOINT_LOCK = 1;
export const RECOVER_LOCK = 2;

/** Bytes of one region, `WALINDEX_PGSZ`. */
export const REGION_BYTES = 32_768;

/** Regions the address space is reserved for: a log of 33 million frames. */
const MOST_REGIONS = 8_192;
/** The same where memory is not shared, as in WebKit, which has little address space: 2 million frames. */
const MOST_PRIVATE_REGIONS = 512;

/** The shared memory of one database. Plain data: it is sent to workers as it is. */
export interface SharedMemory {
  readonly control: ArrayBufferLike;
  readonly regions: ArrayBufferLike;
}

/** A buffer that grows in place; the views over it follow. */
interface Growable {
  readonly byteLength: number;
  readonly maxByteLength: number;
  grow?(bytes: number): void;
  resize?(bytes: number): void;
}

/** Makes the memory for one database: shared where the runtime allows it, else private. */
export function createSharedMemory(): SharedMemory {
  const isShared = canShareMemory();
  const Buffer = isShared ? SharedArrayBuffer : ArrayBuffer;
  const most = isShared ? MOST_REGIONS : MOST_PRIVATE_REGIONS;
  const Reserving = Buffer as unknown as new (
    bytes: number,
    options: { maxByteLength: number },
  ) => ArrayBufferLike;
  return {
    control: new Buffer((REGION_GEN + most) * Int32Array.BYTES_PER_ELEMENT),
    regions: new Reserving(0, { maxByteLength: most * REGION_BYTES }),
  };
}

/** Makes room for `count` regions; false where the log has outgrown the address space reserved. */
export function growRegions(regions: ArrayBufferLike, count: number): boolean {
  const buffer = regions as unknown as Growable;
  const bytes = count * REGION_BYTES;
  if (bytes <= buffer.byteLength) return true;
  if (bytes > buffer.maxByteLength) return false;
  // Doubling keeps the number of growth steps small; untouched pages cost address space only.
  const target = Math.min(buffer.maxByteLength, Math.max(bytes, 2 * buffer.byteLength));
  if (buffer.grow) buffer.grow(target);
  else buffer.resize?.(target);
  return true;
}
