// Transactions around a callback, and savepoints within them.
//
// A transaction is all or nothing, also where SQLite ends it without being asked to: for a conflict that is
// resolved by ROLLBACK, a write that is interrupted, a full disk. What its callback sends after that would
// each be committed by itself, so none of it is run (`OpenTransaction` in `link.ts`).

import { overlappingError } from "../errors.ts";
import { type Bracket, savepoint, transaction } from "../rpc/transaction-sql.ts";
import type { Connection } from "./connection.ts";
import { orAborted } from "./deadline.ts";
import type { OpenTransaction } from "./link.ts";
import { checkTransactionOptions } from "./options.ts";

/** How a transaction begins, see https://sqlite.org/lang_transaction.html */
export type TransactionMode = "deferred" | "immediate" | "exclusive";

/** Options of `transaction`. */
export interface TransactionOptions {
  /** Default `"immediate"`; `"deferred"` on a lease that only reads. */
  readonly mode?: TransactionMode | undefined;
  /** Ends the wait for the write lock. A transaction that has begun is the callback's to end. */
  readonly signal?: AbortSignal | undefined;
}

/** A callback that runs in a transaction of its own, or in a savepoint. */
class TransactionScope {
  readonly bracket: Bracket;
  /** The outermost one: when it has ended, all have. */
  readonly root: TransactionScope;
  /** Shared by all that have one root. */
  readonly transaction: OpenTransaction;
  /** Its callback has been called. */
  hasBegun = false;
  readonly ended: Promise<void>;
  end: () => void = () => {};

  constructor(bracket: Bracket, outer: TransactionScope | undefined) {
    this.bracket = bracket;
    this.root = outer?.root ?? this;
    this.transaction = outer?.transaction ?? { ended: undefined };
    this.ended = new Promise((resolve) => {
      this.end = resolve;
    });
  }
}

let savepoints = 0;

/** The callbacks that run in a transaction of one lease, the innermost last. */
export class Transactions {
  readonly #db: Connection;
  readonly #open: TransactionScope[] = [];
  /** Set while the callback of the outermost one runs. */
  #current: OpenTransaction | null = null;

  constructor(db: Connection) {
    this.#db = db;
  }

  /** What is sent now belongs to this transaction. */
  get current(): OpenTransaction | null {
    return this.#current;
  }

  /** Runs `body` in a transaction, or in a savepoint where one is open. */
  async run<T>(
    body: (db: Connection) => T | Promise<T>,
    options: TransactionOptions | undefined,
  ): Promise<Awaited<T>> {
    if (typeof body !== "function") throw new TypeError("a transaction takes a function");
    if (options !== undefined) checkTransactionOptions(options);
    const db = this.#db;
    const mode = modeOf(db, options);
    options?.signal?.throwIfAborted();
    let outer = this.#open.at(-1);
    // Before the callback of the one around is called, nothing can be inside of it: this one comes after it.
    for (; outer?.hasBegun === false; outer = this.#open.at(-1)) {
      await orAborted(outer.ended, options?.signal);
    }
    // Nothing is awaited from the look at the others until the scope is noted.
    const isSavepoint = outer !== undefined || db.inTransaction;
    const scope = new TransactionScope(isSavepoint ? nextSavepoint() : transaction(mode), outer);
    this.#open.push(scope);
    try {
      await db.control(scope.bracket.begin, outer?.transaction ?? null, options?.signal);
      return await this.#inScope(scope, body);
    } finally {
      this.#leave(scope);
    }
  }

  async #inScope<T>(
    scope: TransactionScope,
    body: (db: Connection) => T | Promise<T>,
  ): Promise<Awaited<T>> {
    const db = this.#db;
    this.#current = scope.transaction;
    scope.hasBegun = true;
    try {
      const result = await body(db);
      this.#checkInnermost(scope);
      await db.control(scope.bracket.keep, scope.transaction);
      return result;
    } catch (thrown) {
      await this.#undo(scope);
      throw thrown;
    }
  }

  #checkInnermost(scope: TransactionScope): void {
    if (this.#open.at(-1) !== scope) throw overlappingError();
  }

  /**
   * Rolls back, unless SQLite has done so itself. Where a callback inside of this one still runs, nobody can
   * tell any more what belongs to which: all of the outermost one is undone then, and all of them fail.
   *
   * The error that led here is the one to report: a failure of the way back leaves the transaction open, and
   * the release ends it.
   */
  async #undo(scope: TransactionScope): Promise<void> {
    const { transaction } = scope;
    if (transaction.ended !== undefined) return;
    const isInnermost = this.#open.at(-1) === scope;
    if (!isInnermost) transaction.ended = overlappingError;
    try {
      for (const sql of (isInnermost ? scope : scope.root).bracket.undo) {
        if (!this.#db.isOpen || !this.#db.inTransaction) return;
        await this.#db.control(sql, null);
      }
    } catch {
      // See above.
    }
  }

  #leave(scope: TransactionScope): void {
    this.#open.splice(this.#open.indexOf(scope), 1);
    if (this.#open.length === 0) this.#current = null;
    scope.end();
  }
}

function nextSavepoint(): Bracket {
  return savepoint(`_pool_${++savepoints}`);
}

function modeOf(
  db: Connection,
  options: TransactionOptions | undefined,
): Uppercase<TransactionMode> {
  const mode = options?.mode ?? (db.isReadonly ? "deferred" : "immediate");
  if (mode !== "deferred" && mode !== "immediate" && mode !== "exclusive") {
    throw new TypeError(`mode must be "deferred", "immediate" or "exclusive", not ${String(mode)}`);
  }
  return mode.toUpperCase() as Uppercase<TransactionMode>;
}
