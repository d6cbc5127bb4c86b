// Which statements leave something behind in their connection that the next borrower would find:
// temporary objects, attached databases, changed pragmas. SQLite's authorizer tells while it
// compiles a statement, so nothing has to be parsed here.

import * as code from "./codes.ts";

/** Pragmas that take an argument and yet change nothing about the connection. */
const HARMLESS_PRAGMAS = new Set([
  "application_id",
  "foreign_key_check",
  "foreign_key_list",
  "incremental_vacuum",
  "index_info",
  "index_list",
  "index_xinfo",
  "integrity_check",
  "optimize",
  "quick_check",
  "table_info",
  "table_list",
  "table_xinfo",
  "user_version",
  "wal_checkpoint",
]);

/**
 * The action asks for the journal mode and leaves it as it is. SQLite counts such a statement among
 * those that write, as it does not tell the two apart.
 */
export function asksJournalMode(
  action: number,
  first: string,
  second: string | undefined,
): boolean {
  return (
    action === code.ACTION_PRAGMA && second === undefined && first.toLowerCase() === "journal_mode"
  );
}

/**
 * The action changes what the connection keeps to itself.
 * @param first first detail of the action: the pragma's name, or the object's
 * @param second second detail: the pragma's argument, undefined without one
 * @param schema the schema the object is in
 */
export function taints(
  action: number,
  first: string,
  second: string | undefined,
  schema: string,
): boolean {
  if (action >= code.ACTION_CREATE_TEMP_INDEX && action <= code.ACTION_CREATE_TEMP_VIEW)
    return true;
  if (action >= code.ACTION_DROP_TEMP_INDEX && action <= code.ACTION_DROP_TEMP_VIEW) return true;
  switch (action) {
    case code.ACTION_ATTACH:
    case code.ACTION_DETACH:
      return true;
    case code.ACTION_INSERT:
    case code.ACTION_UPDATE:
    case code.ACTION_DELETE:
      return schema === "temp";
    case code.ACTION_PRAGMA:
      return second !== undefined && !HARMLESS_PRAGMAS.has(first.toLowerCase());
    default:
      return false;
  }
}
