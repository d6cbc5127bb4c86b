// The prepared statements of one connection, the least recently used one leaving first.
//
// A statement is in the cache or checked out, never both, so that a statement whose cursor is still
// open is not run a second time: the same SQL is then prepared once more.

import type { EngineStatement } from "../engine/engine.ts";

/** Statements ready to run again, by their SQL. */
export class StatementCache {
  readonly #capacity: number;
  // A Map keeps the order of insertion: the first key is the least recently used.
  readonly #statements = new Map<string, EngineStatement>();

  constructor(capacity: number) {
    this.#capacity = capacity;
  }

  /** Takes the statement out, if it is there. */
  checkOut(sql: string): EngineStatement | undefined {
    const statement = this.#statements.get(sql);
    if (statement !== undefined) this.#statements.delete(sql);
    return statement;
  }

  /** Takes a statement that is reset. */
  checkIn(statement: EngineStatement): void {
    const twin = this.#statements.get(statement.sql);
    if (twin !== undefined) twin.finalize();
    this.#statements.delete(statement.sql);
    this.#statements.set(statement.sql, statement);
    if (this.#statements.size <= this.#capacity) return;
    for (const [sql, oldest] of this.#statements) {
      this.#statements.delete(sql);
      oldest.finalize();
      return;
    }
  }

  clear(): void {
    for (const statement of this.#statements.values()) statement.finalize();
    this.#statements.clear();
  }
}
