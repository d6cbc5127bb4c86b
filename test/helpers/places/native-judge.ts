import Database from "better-sqlite3";
import { inRollbackMode, type Judge } from "./place.ts";

/** Native SQLite. */
export async function openJudge(bytes?: Uint8Array): Promise<Judge> {
  const database = new Database(bytes ? Buffer.from(inRollbackMode(bytes)) : ":memory:");
  return {
    value: (sql) => database.prepare(sql).pluck().get(),
    execute: (sql) => void database.exec(sql),
    export: () => database.serialize(),
    close: () => void database.close(),
  };
}
