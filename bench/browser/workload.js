// What every contender does, in its own thread. A contender opens a database and gives:
//
//   run(sql, params)     runs a statement that is prepared once
//   first(sql, params)   the first column of the first row, likewise
//   close()
//
// Each may answer at once or later; what answers at once is not waited for.

export const CREATE = "CREATE TABLE t (id INTEGER PRIMARY KEY, a INTEGER, b REAL, c TEXT)";
export const INSERT = "INSERT INTO t (a, b, c) VALUES (?, ?, ?)";
export const SELECT = "SELECT c FROM t WHERE id = ?";
const SCAN = "SELECT sum(a) + sum(b) + sum(length(c)) FROM t";
const ROWS = 20_000;
const COMMITS = 500;
const POINTS = 20_000;
const SCANS = 10;

/** @typedef {{ run(sql: string, params?: unknown[]): unknown, first(sql: string, params?: unknown[]): unknown, close(): unknown }} Contender */

/** @param {number} i */
export const row = (i) => [i, i / 3, `row number ${i} `.repeat(6)];

/**
 * Milliseconds of each part.
 * @param {Contender} db
 */
export async function measureAll(db) {
  await db.run(CREATE);
  const bulk = await timed(() => insertAll(db, ROWS));
  const commits = await timed(() => repeat(COMMITS, (i) => db.run(INSERT, row(i))));
  const points = await timed(() =>
    repeat(POINTS, (i) => db.first(SELECT, [((i * 7919) % ROWS) + 1])),
  );
  const scan = await timed(() => repeat(SCANS, () => db.first(SCAN)));
  const count = Number(await db.first("SELECT count(*) FROM t"));
  if (count !== ROWS + COMMITS) throw new Error(`${count} rows`);
  return { bulk, commits, points, scan };
}

/**
 * One long transaction.
 * @param {Contender} db
 * @param {number} rows
 */
export async function insertAll(db, rows) {
  await db.run("BEGIN IMMEDIATE");
  await repeat(rows, (i) => db.run(INSERT, row(i)));
  await db.run("COMMIT");
}

/**
 * @param {number} count
 * @param {(i: number) => unknown} body
 */
async function repeat(count, body) {
  for (let i = 0; i < count; i++) {
    const later = body(i);
    if (later instanceof Promise) await later;
  }
}

/** @param {() => Promise<void>} body */
async function timed(body) {
  const start = performance.now();
  await body();
  return performance.now() - start;
}
