// Commits one transaction after another on several connections, and writes the number of each to
// standard output once it is acknowledged.

import { writeSync } from "node:fs";
import { openPool } from "sqlite-wasm-pool";

const [, , file = "", threads = "2", journalMode = "wal", autocheckpoint = "50"] = process.argv;
const pool = await openPool(file, {
  threads: Number(threads),
  maxConnections: 3,
  journalMode: /** @type {import("sqlite-wasm-pool").JournalMode} */ (journalMode),
  pragmas: { wal_autocheckpoint: Number(autocheckpoint), cache_size: 10 },
});
await pool.executeScript(
  "CREATE TABLE IF NOT EXISTS a (n INTEGER PRIMARY KEY, pad); CREATE TABLE IF NOT EXISTS b (n INTEGER PRIMARY KEY, pad)",
);
let last = Number(await pool.queryValue("SELECT coalesce(max(n), 0) FROM a"));

async function write() {
  for (;;) {
    const n = ++last;
    const pad = String(n).repeat((n % 40) * 50 + 1);
    await pool.write(async (db) => {
      await db.execute("INSERT INTO a VALUES (?, ?)", [n, pad]);
      await db.execute("INSERT INTO b VALUES (?, ?)", [n, pad]);
    });
    writeSync(1, `${n}\n`);
    // In the calling thread nothing else would ever let the event loop turn.
    if (n % 5 === 0) await new Promise((resolve) => setImmediate(resolve));
  }
}

await Promise.all([write(), write(), write()]);
