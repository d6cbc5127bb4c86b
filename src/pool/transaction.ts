// Transactions around a callback, and savepoints within them.

import type { Connection } from "./connection.ts";

/** How a transaction begins, see https://sqlite.org/lang_transaction.html */
export type TransactionMode = "deferred" | "immediate" | "exclusive";

export interface TransactionOptions {
  /** Default `"immediate"`; `"deferred"` on a lease that only reads. */
  readonly mode?: TransactionMode | undefined;
  /** Ends the wait for the write lock. A transaction that has begun is the callback's to end. */
  readonly signal?: AbortSignal | undefined;
}

let savepoints = 0;

/** Runs `body` in a transaction of `db`, or in a savepoint where one is open. */
export async function runTransaction<T>(
  db: Connection,
  body: (db: Connection) => T | Promise<T>,
  options: TransactionOptions | undefined,
): Promise<Awaited<T>> {
  if (typeof body !== "function") throw new TypeError("a transaction takes a function");
  const begin = beginStatement(db, options);
  if (db.inTransaction) return runSavepoint(db, body);
  await db.execute(begin, [], { signal: options?.signal });
  try {
    const result = await body(db);
    await db.execute("COMMIT");
    return result;
  } catch (thrown) {
    await undo(db, ["ROLLBACK"]);
    throw thrown;
  }
}

function beginStatement(db: Connection, options: TransactionOptions | undefined): string {
  const mode = options?.mode ?? (db.isReadonly ? "deferred" : "immediate");
  if (mode === "deferred" || mode === "immediate" || mode === "exclusive") {
    return `BEGIN ${mode.toUpperCase()}`;
  }
  throw new TypeError(`mode must be "deferred", "immediate" or "exclusive", not ${String(mode)}`);
}

async function runSavepoint<T>(
  db: Connection,
  body: (db: Connection) => T | Promise<T>,
): Promise<Awaited<T>> {
  const name = `_pool_${++savepoints}`;
  await db.execute(`SAVEPOINT ${name}`);
  try {
    const result = await body(db);
    await db.execute(`RELEASE ${name}`);
    return result;
  } catch (thrown) {
    await undo(db, [`ROLLBACK TO ${name}`, `RELEASE ${name}`]);
    throw thrown;
  }
}

/**
 * Rolls back, unless SQLite has done so itself. The error that led here is the one to report: a
 * failure of the way back leaves the transaction open, and the release ends it.
 */
async function undo(db: Connection, statements: readonly string[]): Promise<void> {
  try {
    for (const sql of statements) {
      if (!db.isOpen || !db.inTransaction) return;
      await db.execute(sql);
    }
  } catch {
    // See above.
  }
}
