// What the commits of one connection have changed, for those who want to hear of it.
//
// A statement adds the tables it may write (`compilation.ts`) to those of the open transaction, if it
// changed a row at all. SQLite's commit hook moves them on to what has to be told, its rollback hook
// drops them. More may be told than has changed: a trigger need not fire, a savepoint may have been
// rolled back. Nothing that changed is left out.

import type { Tables } from "../types.ts";
import type { Writes } from "./compilation.ts";

/** Follows the transactions of one connection. */
export class ChangeTracker {
  /** What the open transaction has written. */
  #written: Tables | undefined;
  /** What has been committed and not been told. */
  #changed: Tables | undefined;
  /** The writes of the statement that ran last: what it adds is added once. */
  #latest: Writes | undefined;
  /** The hook that was called last while the latest statement ran. */
  #hook: "commit" | "rollback" | undefined;

  /** These writes are in the open transaction already: whether they change rows does not matter. */
  knows(writes: Writes): boolean {
    return writes === this.#latest;
  }

  /** A statement of the open transaction changed these tables. */
  wrote(writes: Writes): void {
    this.#latest = writes;
    this.#written = union(this.#written, writes.tables);
  }

  /**
   * The commit hook: the commit is about to be tried. Where it fails, the rollback hook follows, or no
   * hook if the transaction stays open.
   */
  commits(): void {
    this.#hook = "commit";
  }

  /**
   * The rollback hook. A statement compiled before the schema changed calls it, too, before it starts
   * once more: what counts is the hook that comes last.
   */
  rollsBack(): void {
    this.#hook = "rollback";
  }

  /** A hook was called, and {@link settle} has something to do. */
  get heardHook(): boolean {
    return this.#hook !== undefined;
  }

  /** A statement has ended, and what it wrote is noted. */
  settle(isWriting: boolean): void {
    const committed = this.#hook === "commit" && !isWriting;
    this.#hook = undefined;
    if (isWriting) return;
    if (committed && this.#written !== undefined) this.committed(this.#written);
    this.#written = undefined;
    this.#latest = undefined;
  }

  /** These tables have been changed for all to see. */
  committed(tables: Tables): void {
    this.#changed = union(this.#changed, tables);
  }

  /** What has been committed since the last call; undefined where nothing has. */
  take(): Tables | undefined {
    const changed = this.#changed;
    this.#changed = undefined;
    return changed;
  }
}

/** Keeps the very list where one has it all: whoever sends it knows it again. */
function union(some: Tables | undefined, more: Tables): Tables {
  if (some === undefined || more === "any") return more;
  if (some === "any") return some;
  const added = more.filter((table) => !some.includes(table));
  return added.length === 0 ? some : [...some, ...added];
}
