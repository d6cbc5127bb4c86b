// Where packed rows sit in a reply: `run` answers them, `watch`, `openCursor` and `fetch` have them in
// `rows`, `batch` in the `rows` of each statement.

import { type PackedRows, unpackRows } from "./codec.ts";
import type { Request } from "./protocol.ts";

interface WithRows {
  readonly rows: PackedRows;
}

/** The packed rows of the result that `request` got. */
export function packedRowsOf(request: Request, result: unknown): PackedRows[] {
  if (result === undefined) return [];
  switch (request.kind) {
    case "run":
      return request.want === "changes" ? [] : [result as PackedRows];
    case "watch":
    case "openCursor":
    case "fetch":
      return [(result as WithRows).rows];
    case "batch":
      return (result as WithRows[]).map(({ rows }) => rows);
    default:
      return [];
  }
}

/** The result that `request` got, with rows in place of packed rows. */
export function unpackResult(request: Request, result: unknown): unknown {
  if (result === undefined) return undefined;
  switch (request.kind) {
    case "run":
      return request.want === "changes" ? result : unpackRows(result as PackedRows);
    case "watch":
    case "openCursor":
    case "fetch":
      return withRows(result as WithRows);
    case "batch":
      return (result as WithRows[]).map(withRows);
    default:
      return result;
  }
}

function withRows(result: WithRows): object {
  return { ...result, rows: unpackRows(result.rows) };
}
