// What single frames add to a region of the wal-index, so that a small commit publishes a few words and
// not 32 KiB.
//
// A region (https://sqlite.org/walformat.html#hashtable) is an array of page numbers, one a frame, and
// a hash table of 8,192 slots of 16 bits that finds the frame of a page: a slot holds the frame's
// position in the region, counted from 1, and the next slot is tried where one is taken.

import { REGION_BYTES } from "./layout.ts";

const REGION_WORDS = REGION_BYTES / 4;
const SLOTS = 8_192;
const FIRST_SLOT_WORD = (REGION_BYTES - 2 * SLOTS) / 4;
/** `HASHTABLE_HASH_1` of wal.c. Were it another one, slots would not be found. */
const HASH_FACTOR = 383;
/** Header and lock words come before the first page number of region 0. */
const FIRST_PAGE_WORD = 34;
const PAGES = REGION_WORDS / 2;
/** For more frames a copy of the region is cheaper. */
const FEW_FRAMES = 200;

/** The region that holds a frame's page number, as wal.c's `walFramePage` counts. */
export function regionOf(frame: number): number {
  return frame === 0 ? 0 : Math.floor((frame + FIRST_PAGE_WORD - 1) / PAGES);
}

/**
 * Copies what frames `first` to `last` added to their region from the words at `source` to those at
 * `target`. Returns false, whatever it has copied by then, where the whole region has to be copied: the
 * first frame of a region comes with a table that was cleared.
 */
export function copyFrames(
  from: Uint32Array,
  source: number,
  to: Uint32Array,
  target: number,
  { first, last }: { readonly first: number; readonly last: number },
): boolean {
  const region = regionOf(first);
  // The position of a frame plus this is the word of its page number.
  const pages = region === 0 ? FIRST_PAGE_WORD - 1 : -1;
  const before = region === 0 ? 0 : region * PAGES - FIRST_PAGE_WORD;
  if (first === before + 1 || last - first >= FEW_FRAMES || regionOf(last) !== region) return false;
  for (let frame = first; frame <= last; frame++) {
    const position = frame - before;
    const page = from[source + pages + position] ?? 0;
    const slot = slotOf(page, position, from, source);
    if (slot === undefined) return false;
    const word = FIRST_SLOT_WORD + (slot >> 1);
    to[target + pages + position] = page;
    to[target + word] = from[source + word] ?? 0;
  }
  return true;
}

function slotOf(
  page: number,
  position: number,
  words: Uint32Array,
  base: number,
): number | undefined {
  let slot = Math.imul(page, HASH_FACTOR) & (SLOTS - 1);
  for (let tried = 0; tried < SLOTS; tried++) {
    const pair = words[base + FIRST_SLOT_WORD + (slot >> 1)] ?? 0;
    const held = slot % 2 === 0 ? pair & 0xffff : pair >>> 16;
    if (held === position) return slot;
    if (held === 0) return undefined;
    slot = (slot + 1) & (SLOTS - 1);
  }
  return undefined;
}
