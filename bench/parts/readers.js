// (b) How long a reader waits while a long write transaction runs.

import { openPool } from "sqlite-wasm-pool";
import { freshCopy, INSERT, POINT, randomId } from "../data.js";
import { percentile } from "../measure.js";

const [, , original = ""] = process.argv;
// It is written, and its journal mode changed.
const file = `${original}-readers`;
freshCopy(original, file);
const TRANSACTIONS = 4;
const STATEMENTS = 12;
const ROWS = Array.from({ length: 10_000 }, (_, i) => [`row ${i}`, i / 2, i % 1000]);

/**
 * Latencies in ms of point queries made one after another while write transactions run.
 * @param {import("sqlite-wasm-pool").PoolOptions} options
 */
async function latencies(options) {
  const pool = await openPool(file, { busyTimeout: 60_000, acquireTimeout: 60_000, ...options });
  for (let i = 0; i < 2_000; i++) await pool.queryFirst(POINT, [randomId(i)]);
  const taken = [];
  let writing = true;
  const writer = (async () => {
    for (let t = 0; t < TRANSACTIONS; t++) {
      await pool.write(async (db) => {
        for (let s = 0; s < STATEMENTS; s++) await db.executeMany(INSERT, ROWS);
      });
    }
    writing = false;
  })();
  for (let i = 0; writing; i++) {
    const start = performance.now();
    await pool.queryFirst(POINT, [randomId(i)]);
    taken.push(performance.now() - start);
    // One request per turn of the event loop, as a server would see them.
    await new Promise((resolve) => setImmediate(resolve));
  }
  await writer;
  await pool.close();
  return { count: taken.length, p50: percentile(taken, 0.5), p99: percentile(taken, 0.99) };
}

const pool = await latencies({ maxConnections: 2 });
const shared = await latencies({ maxConnections: 1, journalMode: "delete" });
console.log(JSON.stringify({ pool, shared }));
