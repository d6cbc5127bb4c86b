// wa-sqlite in the build that PowerSync publishes, which has the VFSes of the original's examples.

import * as SQLite from "@journeyapps/wa-sqlite";
import SQLiteESMFactory from "@journeyapps/wa-sqlite/dist/wa-sqlite.mjs";
import { OPFSCoopSyncVFS } from "@journeyapps/wa-sqlite/src/examples/OPFSCoopSyncVFS.js";
import { OPFSWriteAheadVFS } from "@journeyapps/wa-sqlite/src/examples/OPFSWriteAheadVFS.js";

/** @type {Record<string, any>} */
const VFSES = { OPFSCoopSyncVFS, OPFSWriteAheadVFS };

/**
 * @param {string} name
 * @param {string} vfsName
 */
export async function open(name, vfsName) {
  const module = await SQLiteESMFactory();
  const sqlite3 = SQLite.Factory(module);
  const vfs = await VFSES[vfsName].create(vfsName, module);
  sqlite3.vfs_register(vfs, true);
  const db = await sqlite3.open_v2(name);
  await sqlite3.exec(
    db,
    "PRAGMA busy_timeout = 5000; PRAGMA synchronous = full; PRAGMA cache_size = -16000",
  );
  /** @type {Map<string, any>} */
  const statements = new Map();
  async function prepared(/** @type {string} */ sql) {
    for await (const statement of sqlite3.statements(db, sql, { unscoped: true })) {
      statements.set(sql, statement);
      return statement;
    }
    throw new Error("no statement");
  }
  return {
    async run(/** @type {string} */ sql, /** @type {any} */ params) {
      const statement = statements.get(sql) ?? (await prepared(sql));
      if (params !== undefined) sqlite3.bind_collection(statement, params);
      await sqlite3.step(statement);
      await sqlite3.reset(statement);
    },
    async first(/** @type {string} */ sql, /** @type {any} */ params) {
      const statement = statements.get(sql) ?? (await prepared(sql));
      if (params !== undefined) sqlite3.bind_collection(statement, params);
      const hasRow = (await sqlite3.step(statement)) === SQLite.SQLITE_ROW;
      const value = hasRow ? sqlite3.column(statement, 0) : undefined;
      await sqlite3.reset(statement);
      return value;
    },
    async close() {
      for (const statement of statements.values()) await sqlite3.finalize(statement);
      await sqlite3.close(db);
    },
  };
}
