// The prepared statements of one connection, the least recently used one leaving first.
//
// A statement that is checked out is not given a second time, so that one whose cursor is still open
// is not run again: the same SQL is then prepared once more, beside the cache.

import type { EngineStatement } from "../engine/engine.ts";

interface Entry {
  readonly statement: EngineStatement;
  out: boolean;
  /** When it was used, in check-outs. */
  usedAt: number;
}

/** Statements ready to run again, by their SQL. */
export class StatementCache {
  readonly #capacity: number;
  readonly #entries = new Map<string, Entry>();
  #checkOuts = 0;

  constructor(capacity: number) {
    this.#capacity = capacity;
  }

  /** The statement, if it is there and not out. */
  checkOut(sql: string): EngineStatement | undefined {
    const entry = this.#entries.get(sql);
    if (entry === undefined || entry.out) return undefined;
    entry.out = true;
    entry.usedAt = ++this.#checkOuts;
    return entry.statement;
  }

  /** Takes a statement that is reset: one that is out, or a new one. */
  checkIn(statement: EngineStatement): void {
    const entry = this.#entries.get(statement.sql);
    if (entry?.statement === statement) entry.out = false;
    else if (entry !== undefined || this.#capacity === 0) statement.finalize();
    else this.#add(statement);
  }

  clear(): void {
    for (const { statement } of this.#entries.values()) statement.finalize();
    this.#entries.clear();
  }

  #add(statement: EngineStatement): void {
    if (this.#entries.size >= this.#capacity && !this.#evict()) {
      statement.finalize();
      return;
    }
    const usedAt = ++this.#checkOuts;
    this.#entries.set(statement.sql, { statement, out: false, usedAt });
  }

  /** Drops the least recently used statement; false when all of them are out. */
  #evict(): boolean {
    let oldest: Entry | undefined;
    for (const entry of this.#entries.values()) {
      if (!entry.out && (oldest === undefined || entry.usedAt < oldest.usedAt)) oldest = entry;
    }
    if (oldest === undefined) return false;
    this.#entries.delete(oldest.statement.sql);
    oldest.statement.finalize();
    return true;
  }
}
