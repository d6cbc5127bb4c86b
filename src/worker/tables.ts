// Tables by name: those of a database, and those that the rows of a statement come from.

import type { EngineConnection } from "../engine/engine.ts";
import { RowBuilder } from "../rpc/rows.ts";
import type { SqlValue, Tables } from "../types.ts";

const SCHEMA_TABLE = "sqlite_schema";
const OF_USERS = "type = 'table' AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\'";
const ATTACHED = "SELECT name FROM pragma_database_list WHERE name NOT IN ('main', 'temp')";
/** See https://sqlite.org/schematab.html: virtual tables have no root page. */
const VIRTUAL = "SELECT name FROM sqlite_schema WHERE type = 'table' AND rootpage = 0";

/** All tables of the database and of those attached to it, those of the schemas included. */
export function tableNames(connection: EngineConnection): string[] {
  const tables = tablesIn(connection, "main");
  for (const schema of names(connection, ATTACHED)) {
    for (const table of tablesIn(connection, schema)) tables.push(`${schema}.${table}`);
  }
  return tables;
}

function tablesIn(connection: EngineConnection, schema: string): string[] {
  const from = `"${schema.replaceAll('"', '""')}".${SCHEMA_TABLE}`;
  return [SCHEMA_TABLE, ...names(connection, `SELECT name FROM ${from} WHERE ${OF_USERS}`)];
}

/** The tables that decide on the rows of `sql`, which has been run on this connection. */
export function tablesRead(connection: EngineConnection, sql: string): Tables {
  const reads = connection.tablesRead(sql);
  if (reads === "any") return reads;
  const virtual = names(connection, VIRTUAL);
  if (virtual.length === 0) return reads.named;
  const read = new Set(reads.named);
  if (virtual.some((name) => read.has(name))) {
    // What an index over another table's text reads there, or one vocabulary of another index.
    for (const table of reads.byVirtualTables) read.add(table);
  }
  // A virtual table's own tables are written without a word; their names begin with its name.
  for (const name of virtual) {
    if (reads.named.some((table) => table.startsWith(`${name}_`))) read.add(name);
  }
  return [...read];
}

function names(connection: EngineConnection, sql: string): string[] {
  const statement = connection.prepare(sql);
  if (statement === undefined) return [];
  const builder = new RowBuilder();
  builder.start("arrays", Number.POSITIVE_INFINITY);
  try {
    statement.run(builder, "auto");
    return (builder.take() as SqlValue[][]).map(([name]) => String(name));
  } finally {
    statement.finalize();
  }
}
