// How one tab stops a statement that a worker of another tab runs for it. Meanwhile that worker hears no
// message, and two tabs have no memory in common. The thread that started the worker has memory in common
// with it: it is asked by message, and sets the word that the statement reads.
//
// The memory: blocks of words, one block for each line. A block's first word is the mark of its line, 0 while
// it is free, and written by the worker alone. The others are the words of the line's connections: a word
// names the latest request that is to be stopped, as those of `client.ts` do.

import { canShareMemory } from "../shared-memory.ts";
import { LAST_SERIAL } from "./endpoint.ts";

const BLOCKS = 64;
const BLOCK_WORDS = 256;
const CONNECTION_WORDS = BLOCK_WORDS - 1;

/** The memory for one worker's lines; undefined where none can be shared. */
export function newGuestInterrupts(): Int32Array | undefined {
  if (!canShareMemory()) return undefined;
  return new Int32Array(new SharedArrayBuffer(BLOCKS * BLOCK_WORDS * 4));
}

/** The blocks of a worker's lines, as the worker sees them. */
export class GuestBlocks {
  readonly #memory: Int32Array | undefined;
  #latest = 0;

  /** `memory` is undefined where none can be shared. */
  constructor(memory: Int32Array | undefined) {
    this.#memory = memory;
  }

  /** The words of a new line's connections; undefined where there are none left. */
  take(line: string): Int32Array | undefined {
    const memory = this.#memory;
    if (memory === undefined) return undefined;
    // From the latest one on: whoever is late, and still means a line before, finds another mark.
    for (let i = 1; i <= BLOCKS; i++) {
      const block = (this.#latest + i) % BLOCKS;
      const at = block * BLOCK_WORDS;
      if (memory[at] !== 0) continue;
      this.#latest = block;
      const words = memory.subarray(at + 1, at + BLOCK_WORDS);
      words.fill(0);
      Atomics.store(memory, at, markOf(line));
      return words;
    }
    return undefined;
  }

  /** The line has ended. */
  free(line: string): void {
    if (this.#memory === undefined) return;
    const at = blockOf(this.#memory, line);
    if (at !== undefined) Atomics.store(this.#memory, at, 0);
  }
}

/** Stops the request, and those before it, that a connection has sent over a line. */
export function interruptGuest(
  memory: Int32Array,
  line: string,
  connection: number,
  serial: number,
): void {
  const at = blockOf(memory, line);
  if (at !== undefined) Atomics.store(memory, at + 1 + (connection % CONNECTION_WORDS), serial);
}

/** Stops whatever has been sent over a line. */
export function interruptLine(memory: Int32Array, line: string): void {
  const at = blockOf(memory, line);
  if (at !== undefined) memory.fill(LAST_SERIAL, at + 1, at + BLOCK_WORDS);
}

/** Stops whatever has been sent over any line. */
export function interruptAll(memory: Int32Array): void {
  for (let at = 0; at < memory.length; at += BLOCK_WORDS) {
    memory.fill(LAST_SERIAL, at + 1, at + BLOCK_WORDS);
  }
}

function blockOf(memory: Int32Array, line: string): number | undefined {
  const mark = markOf(line);
  for (let at = 0; at < memory.length; at += BLOCK_WORDS) {
    if (Atomics.load(memory, at) === mark) return at;
  }
  return undefined;
}

/** The first 32 bits of a line's random name: two of the few lines there are hardly have the same. */
function markOf(line: string): number {
  return Number.parseInt(line.slice(0, 8), 16) | 1;
}
