// Runs what is in the editor, statement by statement, on one borrowed connection. SQLite itself says
// where a statement ends, what columns it has and whether it writes.

import type { Connection, ConnectionPool, SqlValue, StatementInfo } from "sqlite-wasm-pool";
import { SqliteError } from "sqlite-wasm-pool";
import { indexOfByte } from "./offsets.ts";

/** What became of one statement. */
export interface Outcome {
  readonly sql: string;
  /** Where it begins in the text that was run. */
  readonly offset: number;
  readonly columns: readonly string[];
  readonly rows: readonly SqlValue[][];
  /** More rows were there than were asked for. */
  readonly isCut: boolean;
  /** Rows it changed; undefined for a statement that only reads. */
  readonly changes: number | undefined;
  readonly durationMs: number;
  readonly isPlan: boolean;
}

/** A run of one or several statements. */
export interface Run {
  readonly outcomes: readonly Outcome[];
  readonly connection: number | undefined;
  readonly waitedMs: number;
  readonly totalMs: number;
  readonly failure: Failure | undefined;
}

/** Why a run ended early. */
export interface Failure {
  readonly message: string;
  readonly code: string | undefined;
  /** Where in the text, as an index; undefined where SQLite does not tell. */
  readonly at: number | undefined;
  readonly sql: string | undefined;
  readonly isCancelled: boolean;
  /** A cancelled statement no longer runs: here a running one can be stopped. */
  readonly isStopped: boolean;
}

export interface RunOptions {
  readonly mostRows: number;
  readonly explain: boolean;
  readonly signal: AbortSignal;
  /** Told now and then while rows come. */
  readonly onProgress: (rows: number) => void;
}

const CHUNK_ROWS = 2_000;
const CANCELLED = new DOMException("The run was cancelled.", "AbortError");

/** The reason to abort a run's signal with. */
export function cancellation(): DOMException {
  return CANCELLED;
}

/** Runs every statement of `text`, up to the first that fails. Never rejects. */
export async function runText(
  pool: ConnectionPool,
  text: string,
  options: RunOptions,
): Promise<Run> {
  const started = performance.now();
  const outcomes: Outcome[] = [];
  let connection: number | undefined;
  let waitedMs = 0;
  let failure: Failure | undefined;
  let offset = 0;
  try {
    const run = async (db: Connection) => {
      waitedMs = performance.now() - started;
      connection = db.id;
      for (;;) {
        const info = await db.describe(text.slice(offset));
        if (info === undefined) break;
        outcomes.push(await runOne(db, info, offset, options));
        offset += info.sql.length;
      }
    };
    await pool.withConnection(run, { signal: options.signal });
  } catch (thrown) {
    if (connection === undefined) waitedMs = performance.now() - started;
    failure = describeFailure(thrown, text, offset, pool.capabilities.interrupt);
  }
  return { outcomes, connection, waitedMs, totalMs: performance.now() - started, failure };
}

async function runOne(
  db: Connection,
  info: StatementInfo,
  offset: number,
  options: RunOptions,
): Promise<Outcome> {
  const sql = options.explain ? `EXPLAIN QUERY PLAN ${info.sql}` : info.sql;
  const { signal } = options;
  const started = performance.now();
  const isPlan = options.explain || /^\s*EXPLAIN\s+QUERY\s+PLAN\b/i.test(info.sql);
  const common = { sql: info.sql.trim(), offset, isPlan };
  const ended = () => performance.now() - started;
  if (options.explain) {
    const rows = await db.query<SqlValue[]>(sql, [], { signal, rowMode: "array" });
    const columns = ["id", "parent", "notused", "detail"];
    return { ...common, columns, rows, isCut: false, changes: undefined, durationMs: ended() };
  }
  if (info.columns.length === 0) {
    const { changes } = await db.execute(sql, [], { signal });
    const changed = info.readonly ? undefined : changes;
    return {
      ...common,
      columns: [],
      rows: [],
      isCut: false,
      changes: changed,
      durationMs: ended(),
    };
  }
  const rows: SqlValue[][] = [];
  let isCut = false;
  const all = db.iterate<SqlValue[]>(sql, [], { signal, rowMode: "array", chunkSize: CHUNK_ROWS });
  for await (const row of all) {
    if (rows.length >= options.mostRows && info.readonly) {
      isCut = true;
      break;
    }
    rows.push(row);
    if (rows.length % CHUNK_ROWS === 0) options.onProgress(rows.length);
  }
  const changes = info.readonly ? undefined : rows.length;
  const { columns } = info;
  return { ...common, columns, rows, isCut, changes, durationMs: ended() };
}

function describeFailure(
  thrown: unknown,
  text: string,
  offset: number,
  isStopped: boolean,
): Failure {
  const isCancelled = thrown === CANCELLED;
  const error = thrown instanceof Error ? thrown : new Error(String(thrown));
  const { code } = error as { code?: unknown };
  const rest = text.slice(offset);
  const known = error instanceof SqliteError && error.offset >= 0;
  return {
    message: error.message,
    code: typeof code === "string" ? code : undefined,
    at: known ? offset + indexOfByte(rest, error.offset) : undefined,
    sql: rest.trim(),
    isCancelled,
    isStopped,
  };
}
