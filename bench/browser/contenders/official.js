// The official build with its own VFSes, through the interface it recommends for a worker (oo1).

import sqlite3InitModule from "@sqlite.org/sqlite-wasm";

/** @type {Record<string, (sqlite3: any, name: string) => any>} */
const OPEN = {
  opfs: (sqlite3, name) => new sqlite3.oo1.OpfsDb(`file:/${name}?opfs-unlock-asap=1`, "c"),
  "opfs-wl": (sqlite3, name) => new sqlite3.oo1.OpfsWlDb(`/${name}`, "c"),
  "opfs-sahpool": async (sqlite3, name) => {
    const util = await sqlite3.installOpfsSAHPoolVfs({ directory: `.${name}`, initialCapacity: 6 });
    return new util.OpfsSAHPoolDb(`/${name}`);
  },
};

/**
 * @param {string} name
 * @param {string} vfs
 */
export async function open(name, vfs) {
  const sqlite3 = await sqlite3InitModule();
  const db = await OPEN[vfs]?.(sqlite3, name);
  db.exec("PRAGMA busy_timeout = 5000; PRAGMA synchronous = full; PRAGMA cache_size = -16000");
  /** @type {Map<string, any>} */
  const statements = new Map();
  const prepared = (/** @type {string} */ sql) => {
    if (!statements.has(sql)) statements.set(sql, db.prepare(sql));
    return statements.get(sql);
  };
  return {
    run(/** @type {string} */ sql, /** @type {any} */ params) {
      const statement = prepared(sql);
      if (params !== undefined) statement.bind(params);
      statement.stepReset();
    },
    first(/** @type {string} */ sql, /** @type {any} */ params) {
      const statement = prepared(sql);
      if (params !== undefined) statement.bind(params);
      const value = statement.step() ? statement.get(0) : undefined;
      statement.reset();
      return value;
    },
    close() {
      for (const statement of statements.values()) statement.finalize();
      db.close();
    },
  };
}
