// How long the log is, read from the master copy of the wal-index without a lock: the two words are
// each whole, and may be of two moments.

import { REGION_BYTES, type SharedMemory } from "./layout.ts";

/** Word offsets in region 0, https://sqlite.org/walformat.html#the_wal_index_header */
const MX_FRAME = 4;
const BACKFILLED = 24;

/** Frames in the log, and those of them that are in the database; none before it is first used. */
export function readLogState({ regions }: SharedMemory): { frames: number; checkpointed: number } {
  if (regions.byteLength < REGION_BYTES) return { frames: 0, checkpointed: 0 };
  const words = new Int32Array(regions, 0, BACKFILLED + 1);
  const frames = words[MX_FRAME] ?? 0;
  return { frames, checkpointed: Math.min(words[BACKFILLED] ?? 0, frames) };
}
