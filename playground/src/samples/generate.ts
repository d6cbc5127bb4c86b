import type { ConnectionPool } from "sqlite-wasm-pool";
import type { Sample } from "./samples.ts";

/** How far a sample has come. */
export interface Progress {
  readonly done: number;
  readonly total: number;
  readonly doing: string;
}

/** Rows of one statement: a tenth of a second or so, and a log that stays short. */
const BATCH_ROWS = 20_000;
const NUMBERS = "WITH RECURSIVE n(i) AS (SELECT :from UNION ALL SELECT i + 1 FROM n WHERE i < :to)";

/**
 * Fills an empty database with a sample, batch by batch. Rejects with the signal's reason when that is
 * aborted; what has been written until then is the caller's to delete.
 */
export async function generate(
  pool: ConnectionPool,
  sample: Sample,
  onProgress: (progress: Progress) => void,
  signal: AbortSignal,
): Promise<void> {
  const total = sample.tables.reduce((sum, { rows }) => sum + rows, 0);
  let done = 0;
  await pool.executeScript(sample.schema, { signal });
  for (const { name, rows, insert } of sample.tables) {
    for (let from = 1; from <= rows; from += BATCH_ROWS) {
      const to = Math.min(from + BATCH_ROWS - 1, rows);
      onProgress({ done, total, doing: name });
      await pool.execute(`${NUMBERS} ${insert}`, { from, to }, { signal });
      done += to - from + 1;
    }
  }
  onProgress({ done, total, doing: "indexes" });
  await pool.executeScript(sample.finish, { signal });
}
