// What is known of statements before SQLite has seen them: it decides who queues for the write lock and
// whose requests may overlap. Remembered by text, because the same statements come again and again.

import { guessWrites, onlyReads } from "./sql.ts";

/** Statements whose nature is remembered. */
const MOST_KNOWN = 1_000;

/** The natures of one pool's statements. */
export class StatementKinds {
  readonly #writes = new Map<string, boolean>();
  readonly #onlyReads = new Map<string, boolean>();

  /** The statement probably writes. */
  writes(sql: string): boolean {
    return this.#writes.get(sql) ?? remember(this.#writes, sql, guessWrites(sql));
  }

  /** The statement certainly changes nothing. */
  onlyReads(sql: string): boolean {
    return this.#onlyReads.get(sql) ?? remember(this.#onlyReads, sql, onlyReads(sql));
  }

  /** The statement does write, whatever was guessed. */
  learnWrites(sql: string): void {
    remember(this.#writes, sql, true);
  }
}

function remember(known: Map<string, boolean>, sql: string, is: boolean): boolean {
  if (known.size >= MOST_KNOWN) known.clear();
  known.set(sql, is);
  return is;
}
