// A connection as every borrower finds it: opened, and set as the pool's options say.

import type { Engine, EngineConnection } from "../engine/engine.ts";
import { SqliteError, StorageError } from "../errors.ts";
import { ERROR } from "../result-codes.ts";
import type { ThreadConfig } from "../rpc/protocol.ts";
import type { PragmaValue, SqlValue } from "../types.ts";
import { firstValue } from "./first-value.ts";

/**
 * Page caches of all connections that a pool may have, and least of one, in KiB, unless `pragmas` says
 * otherwise. SQLite's own 2,000 is from a time of less memory; reading a page again through the VFS costs more
 * than keeping it.
 */
const CACHES_KIB = 160_000;
const LEAST_CACHE_KIB = 8_000;

/**
 * Opens a connection to the database of `config`, set as its options say.
 * @throws SqliteError, StorageError
 */
export function openConnection(engine: Engine, config: ThreadConfig): EngineConnection {
  const { readonly, create } = config;
  const connection = engine.open(config.path, { readonly, create });
  const settings = Object.entries(config.pragmas);
  const set = (name: string, value: PragmaValue) =>
    pragma(connection, `${name} = ${pragmaText(value)}`);
  try {
    // Waiting is done in the caller's thread: a blocked thread could not run the lock's holder.
    pragma(connection, "busy_timeout = 0");
    pragma(connection, `cache_size = -${cacheKib(config)}`);
    pragma(connection, `foreign_keys = ${config.foreignKeys ? 1 : 0}`);
    for (const [name, value] of settings) if (isLayout(name)) set(name, value);
    checkEncoding(connection, config);
    // Reads the header and the schema: what is not a database is found out here.
    const mode = String(pragma(connection, "journal_mode"));
    pragma(connection, "schema_version");
    if (!readonly) setJournalMode(connection, mode, config);
    pragma(connection, `synchronous = ${config.synchronous}`);
    for (const [name, value] of settings) if (!isLayout(name)) set(name, value);
    return connection;
  } catch (thrown) {
    connection.close();
    throw thrown;
  }
}

function cacheKib({ maxConnections }: ThreadConfig): number {
  return Math.max(LEAST_CACHE_KIB, Math.floor(CACHES_KIB / maxConnections));
}

/** What a new database is laid out by: of no effect once something is in it, as the journal mode is. */
function isLayout(pragma: string): boolean {
  return ["auto_vacuum", "encoding", "page_size"].includes(pragma.toLowerCase());
}

/** SQLite takes a text encoding that it was built without for none at all, and says nothing. */
function checkEncoding(connection: EngineConnection, { pragmas }: ThreadConfig): void {
  for (const [name, value] of Object.entries(pragmas)) {
    if (name.toLowerCase() !== "encoding" || !/^utf-?16/i.test(String(value))) continue;
    if (/^utf-?16/i.test(String(pragma(connection, "encoding")))) continue;
    throw new StorageError(
      "unsupported",
      `texts are kept as UTF-8 here, which holds all of Unicode; leave pragmas.${name} out`,
    );
  }
}

function setJournalMode(connection: EngineConnection, mode: string, config: ThreadConfig): void {
  const wanted = config.journalMode;
  if (mode === wanted) return;
  const got = String(pragma(connection, `journal_mode = ${wanted}`));
  if (got === wanted) return;
  throw new SqliteError(`the journal mode stayed "${got}" where "${wanted}" was asked for`, {
    code: "SQLITE_ERROR",
    resultCode: ERROR,
    sql: `PRAGMA journal_mode = ${wanted}`,
  });
}

function pragmaText(value: PragmaValue): string {
  if (typeof value === "string") return `'${value.replaceAll("'", "''")}'`;
  return String(Number(value));
}

function pragma(connection: EngineConnection, text: string): SqlValue | undefined {
  return firstValue(connection, `PRAGMA ${text}`);
}
