import initSqlJs from "sql.js/dist/sql-asm.js";
import { inRollbackMode, type Judge } from "./place.ts";

/** Made once: it is compiled from megabytes of JavaScript. */
let sqlJs: ReturnType<typeof initSqlJs> | undefined;

/** SQLite as compiled by others, in asm.js. */
export async function openJudge(bytes?: Uint8Array): Promise<Judge> {
  sqlJs ??= initSqlJs();
  const { Database } = await sqlJs;
  const database = new Database(bytes && inRollbackMode(bytes));
  return {
    value: (sql) => database.exec(sql)[0]?.values[0]?.[0],
    execute: (sql) => void database.exec(sql),
    export: () => database.export(),
    close: () => database.close(),
  };
}
