// The tables, views and columns of the database, for the list beside the editor and for completion.

import type { ConnectionPool } from "sqlite-wasm-pool";

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

const TABLES = `
  SELECT s.name, s.type, coalesce(s.sql, '') AS sql,
    s.sql LIKE 'CREATE VIRTUAL%' AS isVirtual
  FROM sqlite_schema AS s
  WHERE s.type IN ('table', 'view') AND s.name NOT LIKE 'sqlite\\_%' ESCAPE '\\'
  ORDER BY s.type, s.name COLLATE NOCASE`;
const COLUMNS =
  'SELECT name, type, pk, "notnull" AS required FROM pragma_table_xinfo(?) WHERE hidden <> 1';
const INDEXES = "SELECT name, tbl_name FROM sqlite_schema WHERE type = 'index' AND sql IS NOT NULL";

/** Reads the schema in one snapshot. A view that no longer compiles has no columns. */
export function readSchema(pool: ConnectionPool, signal: AbortSignal): Promise<TableInfo[]> {
  return pool.read(
    async (db) => {
      const tables = await db.query<{ name: string; type: string; sql: string; isVirtual: number }>(
        TABLES,
      );
      const indexes = await db.query<{ name: string; tbl_name: string }>(INDEXES);
      const described: TableInfo[] = [];
      for (const { name, type, sql, isVirtual } of tables) {
        const columns = await db
          .query<{ name: string; type: string; pk: number; required: number }>(COLUMNS, [name])
          .catch(() => []);
        described.push({
          name,
          kind: type === "view" ? "view" : isVirtual ? "virtual" : "table",
          sql,
          columns: columns.map((column) => ({
            name: column.name,
            type: column.type,
            isKey: column.pk > 0,
            notNull: column.required > 0,
          })),
          indexes: indexes.filter((index) => index.tbl_name === name).map((index) => index.name),
        });
      }
      return described;
    },
    { signal },
  );
}

/** A name as it may stand in SQL. */
export function quoteName(name: string): string {
  return /^[A-Za-z_][A-Za-z0-9_]*$/.test(name) ? name : `"${name.replaceAll('"', '""')}"`;
}
