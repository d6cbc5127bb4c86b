// A transaction that only reads, and so one state of the database for as long as it lasts.

import type { Connection } from "./connection.ts";

/** SQLite fixes a snapshot at the first read, and not at BEGIN. */
const FIRST_READ = "SELECT 1 FROM sqlite_schema LIMIT 1";

/** Runs `body` on one snapshot. */
export function onSnapshot<T>(
  db: Connection,
  body: (db: Connection) => T | Promise<T>,
): Promise<Awaited<T>> {
  const fixed = async () => {
    await db.execute(FIRST_READ);
    return await body(db);
  };
  return db.transaction(fixed, { mode: "deferred" });
}

/** For what is no callback: the caller ends it with {@link endSnapshot}. */
export async function beginSnapshot(db: Connection): Promise<void> {
  await db.execute("BEGIN");
  await db.execute(FIRST_READ);
}

/** Ends it, if it is still open. There is nothing to be lost: what cannot be ended is by the release. */
export async function endSnapshot(db: Connection): Promise<void> {
  if (db.isOpen && db.inTransaction) await db.execute("COMMIT").catch(() => {});
}
