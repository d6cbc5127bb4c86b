// Databases made and read by a native SQLite.

import Database from "better-sqlite3";

/** A native connection, closed by `using`. */
export function native(path: string): Database.Database & Disposable {
  const db = new Database(path);
  return Object.assign(db, { [Symbol.dispose]: () => void db.close() });
}

/** Opens the file natively, checks it, and gives the first value that `sql` yields. */
export function nativeValue(path: string, sql: string): unknown {
  using db = native(path);
  const verdict = db.pragma("integrity_check", { simple: true });
  if (verdict !== "ok") throw new Error(`native SQLite finds the file damaged: ${verdict}`);
  return db.prepare(sql).pluck().get();
}
