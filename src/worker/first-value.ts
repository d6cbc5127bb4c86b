// One value that the thread itself asks SQLite for.

import type { EngineConnection } from "../engine/engine.ts";
import { RowBuilder } from "../rpc/rows.ts";
import type { SqlValue } from "../types.ts";

/** Runs a statement to its end and gives the first column of its first row. @throws SqliteError, StorageError */
export function firstValue(connection: EngineConnection, sql: string): SqlValue | undefined {
  const statement = connection.prepare(sql);
  if (statement === undefined) return undefined;
  const first = new RowBuilder();
  first.start("value", 1);
  try {
    if (!statement.run(first, "auto")) statement.run(undefined, "auto");
    return first.take() as SqlValue | undefined;
  } finally {
    statement.finalize();
  }
}
