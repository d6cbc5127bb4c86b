// Run with `node --jitless`, which leaves WebAssembly out: opens a database of its own accord, once in the
// calling thread and once in a worker thread, and prints what became of it.

import { openPool } from "sqlite-wasm-pool";

const [path = ""] = process.argv.slice(2);
/** @type {unknown[]} */
const report = [typeof WebAssembly];
for (const threads of [0, 1]) {
  const pool = await openPool(path, { threads });
  await pool.executeScript("CREATE TABLE IF NOT EXISTS t (a)");
  await pool.execute("INSERT INTO t VALUES (?)", [2n ** 60n + BigInt(threads)]);
  const rows = await pool.query("SELECT CAST(a AS TEXT) AS a FROM t ORDER BY a");
  report.push(pool.stats().engine, rows);
  await pool.close();
}
const refused = openPool(path, { engine: "sqlite-wasm" });
report.push(await refused.catch(({ code }) => code));
console.log(JSON.stringify(report));
