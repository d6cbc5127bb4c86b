// This library from the page: every statement goes to a worker and back.

import { openPool } from "sqlite-wasm-pool";

/** @param {string} name */
export async function open(name) {
  const pool = await openPool(name, { threads: 1, maxConnections: 1 });
  const db = await pool.acquire();
  return {
    run: (/** @type {string} */ sql, /** @type {any} */ params) => db.execute(sql, params),
    first: (/** @type {string} */ sql, /** @type {any} */ params) => db.queryValue(sql, params),
    close: () => pool.close(),
  };
}
