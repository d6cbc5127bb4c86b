// The database the parts run on, made once by native SQLite.

import { copyFileSync, existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import Database from "better-sqlite3";

/** Rows of the table `item`. */
export const ROWS = 1_000_000;

export const POINT = "SELECT id, name, price, stock, note FROM item WHERE id = ?";
export const SCAN = "SELECT sum(price * stock) FROM item";
export const GROUP = "SELECT stock, count(*), avg(price) FROM item GROUP BY stock";
export const FETCH = "SELECT id, name, price, stock, note FROM item LIMIT 100000";
export const INSERT = "INSERT INTO fresh (name, price, stock) VALUES (?, ?, ?)";

/** Makes a directory that goes when the process ends. */
export function makeDirectory() {
  const directory = mkdtempSync(join(tmpdir(), "sqlite-wasm-pool-bench-"));
  process.once("exit", () => rmSync(directory, { recursive: true, force: true }));
  return directory;
}

/** @param {string} file */
export function makeDatabase(file) {
  const db = new Database(file);
  db.pragma("journal_mode = wal");
  db.exec(`
    CREATE TABLE item (id INTEGER PRIMARY KEY, name TEXT, price REAL, stock INTEGER, note TEXT);
    CREATE TABLE fresh (id INTEGER PRIMARY KEY, name TEXT, price REAL, stock INTEGER);
    WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ${ROWS})
    INSERT INTO item SELECT i, 'item number ' || i, i * 0.25, i % 1000, CASE WHEN i % 3 THEN 'a note of some length, so that rows are not all too short' END FROM n;
  `);
  db.close();
}

/**
 * A copy of the database for one peer alone.
 * @param {string} original
 * @param {string} copy
 */
export function freshCopy(original, copy) {
  for (const suffix of ["", "-wal", "-shm", "-journal", "-lock", ".lock"]) {
    rmSync(copy + suffix, { force: true, recursive: true });
  }
  if (existsSync(original)) copyFileSync(original, copy);
}

/** The next of a fixed sequence of ids that looks random. @param {number} i */
export function randomId(i) {
  return ((Math.imul(i + 1, 2_654_435_761) >>> 0) % ROWS) + 1;
}
