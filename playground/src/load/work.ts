// The requests that a load is made of, on a table of its own.

import type { ConnectionPool, ExecuteResult, Row } from "sqlite-wasm-pool";

export const TABLE = "playground_load";
export const ROWS = 50_000;

export const KINDS = ["point", "scan", "write"] as const;
export type Kind = (typeof KINDS)[number];

/** How many of a hundred requests are of each kind. The rest are point reads. */
export interface Mix {
  readonly scan: number;
  readonly write: number;
  /** Milliseconds a program does something else between the two statements of a write. */
  readonly pauseMs: number;
}

export const KIND_NAMES: Readonly<Record<Kind, string>> = {
  point: "point reads",
  scan: "scans",
  write: "writes",
};

/** What the statements of a transaction are run on. */
export interface Statements {
  queryFirst(sql: string, params: readonly number[]): Promise<Row | undefined>;
  execute(sql: string, params: readonly number[]): Promise<ExecuteResult>;
}

/** What a request is made on: a pool, or something used like one. */
export interface Target {
  queryFirst(sql: string, params: readonly number[]): Promise<Row | undefined>;
  query(sql: string): Promise<Row[]>;
  /** Runs `body` in a transaction that may write. */
  write(body: (db: Statements) => Promise<void>): Promise<void>;
}

const POINT = `SELECT id, bucket, amount, note FROM ${TABLE} WHERE id = ?`;
const SCAN = `SELECT bucket, count(*) AS n, sum(amount) AS total, max(note) AS latest FROM ${TABLE} GROUP BY bucket`;
const WRITE = `UPDATE ${TABLE} SET amount = amount + 1 WHERE id = ?`;

/** Makes one request. */
export async function request(
  target: Target,
  kind: Kind,
  random: () => number,
  pauseMs: number,
): Promise<void> {
  const id = 1 + Math.floor(random() * ROWS);
  if (kind === "point") {
    if ((await target.queryFirst(POINT, [id])) === undefined) throw missing();
  } else if (kind === "scan") {
    if ((await target.query(SCAN)).length === 0) throw missing();
  } else await target.write((db) => readAndUpdate(db, id, pauseMs));
}

/** As programs write: they read, think about it or ask somebody, and change what they read. */
async function readAndUpdate(db: Statements, id: number, pauseMs: number): Promise<void> {
  if ((await db.queryFirst(POINT, [id])) === undefined) throw missing();
  if (pauseMs > 0) await new Promise((resolve) => setTimeout(resolve, pauseMs));
  if ((await db.execute(WRITE, [id])).changes !== 1) throw missing();
}

function missing(): Error {
  return new Error(`The rows of ${TABLE} are not all there: drop the table, and start again.`);
}

export function chooseKind(mix: Pick<Mix, "scan" | "write">, random: () => number): Kind {
  const at = random() * 100;
  if (at < mix.write) return "write";
  return at < mix.write + mix.scan ? "scan" : "point";
}

/** Makes the table, unless it is there with all its rows. */
export async function prepare(pool: ConnectionPool, signal: AbortSignal): Promise<void> {
  const there = await pool.queryValue<number>("SELECT count(*) FROM sqlite_schema WHERE name = ?", [
    TABLE,
  ]);
  if (there === 1) {
    const rows = await pool.queryValue<number>(`SELECT count(*) FROM ${TABLE}`, [], { signal });
    if (rows === ROWS) return;
  }
  await pool.write(
    async (db) => {
      await db.execute(`DROP TABLE IF EXISTS ${TABLE}`);
      await db.execute(
        `CREATE TABLE ${TABLE} (id INTEGER PRIMARY KEY, bucket INTEGER NOT NULL, amount REAL NOT NULL, note TEXT NOT NULL)`,
      );
      await db.execute(
        `WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ${ROWS})
         INSERT INTO ${TABLE} SELECT i, i % 50, i * 0.25, printf('note %08d of the load', i * 7919 % ${ROWS}) FROM n`,
        [],
        { signal },
      );
    },
    { signal },
  );
}

/** A small generator of numbers in [0, 1): the same seed, the same requests (mulberry32). */
export function seeded(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = Math.imul(state ^ (state >>> 15), state | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}
