// What is known of statements before SQLite has seen them: it decides who queues for the write lock and
// whose requests may overlap. Remembered by text, because the same statements come again and again.

import { guessWrites, onlyReads } from "./sql.ts";

/** Statements whose nature is remembered. */
const MOST_KNOWN = 1_000;

/** A statement probably writes, certainly changes nothing, or is neither. */
export type StatementKind = "writes" | "reads" | "other";

/** The natures of one pool's statements. */
export class StatementKinds {
  readonly #known = new Map<string, StatementKind>();

  of(sql: string): StatementKind {
    return this.#known.get(sql) ?? this.#remember(sql, guess(sql));
  }

  writes(sql: string): boolean {
    return this.of(sql) === "writes";
  }

  /** The statement does write, whatever was guessed. */
  learnWrites(sql: string): void {
    this.#remember(sql, "writes");
  }

  #remember(sql: string, kind: StatementKind): StatementKind {
    if (this.#known.size >= MOST_KNOWN) this.#known.clear();
    this.#known.set(sql, kind);
    return kind;
  }
}

function guess(sql: string): StatementKind {
  if (guessWrites(sql)) return "writes";
  return onlyReads(sql) ? "reads" : "other";
}
