// The tables, views and columns of the database, for the list beside the editor and for completion.

import type { Connection, ConnectionPool } from "sqlite-wasm-pool";

export interface ColumnInfo {
  readonly name: string;
  readonly type: string;
  readonly isKey: boolean;
  readonly notNull: boolean;
}

export interface TableInfo {
  readonly name: string;
  readonly kind: "table" | "view" | "virtual";
  readonly sql: string;
  readonly columns: readonly ColumnInfo[];
  readonly indexes: readonly string[];
}

interface SchemaRow {
  readonly name: string;
  readonly type: string;
  readonly sql: string;
  readonly indexes: string;
}

interface ColumnRow {
  readonly name: string;
  readonly type: string;
  readonly pk: number;
  readonly required: number;
}

const TABLES = `
  SELECT s.name, s.type, coalesce(s.sql, '') AS sql,
    (SELECT json_group_array(i.name) FROM sqlite_schema AS i
      WHERE i.type = 'index' AND i.sql IS NOT NULL AND i.tbl_name = s.name) AS indexes
  FROM sqlite_schema AS s
  WHERE s.type IN ('table', 'view') AND s.name NOT LIKE 'sqlite\\_%' ESCAPE '\\'
  ORDER BY s.type, s.name COLLATE NOCASE`;
const ALL_COLUMNS = `
  SELECT s.name AS owner, c.name, c.type, c.pk, c."notnull" AS required
  FROM sqlite_schema AS s JOIN pragma_table_xinfo(s.name) AS c
  WHERE s.type IN ('table', 'view') AND c.hidden <> 1`;
const COLUMNS = `
  SELECT name, type, pk, "notnull" AS required FROM pragma_table_xinfo(?) WHERE hidden <> 1`;

/** Reads the schema in one snapshot. */
export function readSchema(pool: ConnectionPool, signal: AbortSignal): Promise<TableInfo[]> {
  return pool.read(
    async (db) => {
      const tables = await db.query<SchemaRow>(TABLES);
      const columns = await readColumns(db, tables);
      return tables.map(({ name, type, sql, indexes }) => ({
        name,
        kind: kindOf(type, sql),
        sql,
        columns: (columns.get(name) ?? []).map((column) => ({
          name: column.name,
          type: column.type,
          isKey: column.pk > 0,
          notNull: column.required > 0,
        })),
        indexes: JSON.parse(indexes) as string[],
      }));
    },
    { signal },
  );
}

/** One view that no longer compiles fails the statement for all: then each is asked by itself. */
async function readColumns(
  db: Connection,
  tables: readonly SchemaRow[],
): Promise<ReadonlyMap<string, ColumnRow[]>> {
  const byTable = new Map<string, ColumnRow[]>(tables.map(({ name }) => [name, []]));
  try {
    const rows = await db.query<ColumnRow & { owner: string }>(ALL_COLUMNS);
    for (const row of rows) byTable.get(row.owner)?.push(row);
  } catch {
    for (const { name } of tables) {
      byTable.set(name, await db.query<ColumnRow>(COLUMNS, [name]).catch(() => []));
    }
  }
  return byTable;
}

function kindOf(type: string, sql: string): TableInfo["kind"] {
  if (type === "view") return "view";
  return /^CREATE\s+VIRTUAL/i.test(sql) ? "virtual" : "table";
}

/** A name as it may stand in SQL. */
export function quoteName(name: string): string {
  return /^[A-Za-z_][A-Za-z0-9_]*$/.test(name) ? name : `"${name.replaceAll('"', '""')}"`;
}
