import initSqlJs from "sql.js/dist/sql-asm.js";
import { inRollbackMode, type Judge } from "./place.ts";

/** SQLite as compiled by others, in asm.js. */
export async function openJudge(bytes?: Uint8Array): Promise<Judge> {
  const { Database } = await initSqlJs();
  const database = new Database(bytes && inRollbackMode(bytes));
  return {
    value: (sql) => database.exec(sql)[0]?.values[0]?.[0],
    execute: (sql) => void database.exec(sql),
    export: () => database.export(),
    close: () => database.close(),
  };
}
