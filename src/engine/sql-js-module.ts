// sql.js as `scripts/sql-js.js` writes it: the C functions it exports, and how to start it.

import type { Exports, Pointer } from "./binding.ts";
import type { LoaderOptions } from "./instantiate.ts";
import type { Memory } from "./memory-views.ts";

/** Functions that sql.js exports under their own names with an underscore in front. */
type Exported =
  | "sqlite3_close_v2"
  | "sqlite3_errmsg"
  | "sqlite3_changes"
  | "sqlite3_finalize"
  | "sqlite3_step"
  | "sqlite3_reset"
  | "sqlite3_bind_double"
  | "sqlite3_bind_int"
  | "sqlite3_bind_text"
  | "sqlite3_bind_blob"
  | "sqlite3_column_count"
  | "sqlite3_column_name"
  | "sqlite3_column_type"
  | "sqlite3_column_double"
  | "sqlite3_column_text"
  | "sqlite3_column_blob"
  | "sqlite3_column_bytes"
  | "sqlite3_backup_init"
  | "sqlite3_backup_step"
  | "sqlite3_backup_finish";

type Underscored = { readonly [Name in Exported as `_${Name}`]: Exports[Name] };

/** One instance, started. */
export interface SqlJs extends Underscored {
  _malloc(bytes: number): Pointer;
  _free(address: Pointer): void;
  _sqlite3_open(name: Pointer, ppDb: Pointer): number;
  _sqlite3_prepare_v2(
    db: Pointer,
    sql: Pointer,
    bytes: number,
    ppStatement: Pointer,
    ppTail: Pointer,
  ): number;
  /** Puts a function into the table; the signature has the result's type first. */
  addFunction(callback: (...values: never[]) => unknown, signature: string): Pointer;
  removeFunction(address: Pointer): void;
  /** What the build exports, under names of its own; one of it is the memory. */
  readonly exports: Readonly<Record<string, unknown>>;
}

/** The default export of the two generated modules: each call gives a further instance. */
export type NewSqlJs = () => (options: LoaderOptions) => Promise<SqlJs>;

/** The memory of an instance. */
export function memoryOf({ exports }: SqlJs): Memory {
  for (const value of Object.values(exports)) {
    if (typeof value === "object" && value !== null && "buffer" in value) return value as Memory;
  }
  throw new Error("BUG: sql.js exports no memory");
}
