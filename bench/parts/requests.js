// (a) The reason for a pool: 64 requests at a time, answered in four ways.

import { once } from "node:events";
import { Worker } from "node:worker_threads";
import Database from "better-sqlite3";
import { openPool } from "sqlite-wasm-pool";
import { POINT, randomId, SCAN } from "../data.js";
import { throughput } from "../measure.js";

const [, , file = ""] = process.argv;
const DEPTH = 64;
const FOR_MS = 3_000;
/** @type {Record<string, { point: number, scan: number }>} */
const rates = {};

for (const size of [1, 2, 4, 8]) {
  const pool = await openPool(file, { maxConnections: size });
  const point = await throughput(DEPTH, FOR_MS, (i) => pool.queryFirst(POINT, [randomId(i)]));
  const scan = await throughput(DEPTH, FOR_MS * 2, () => pool.queryFirst(SCAN));
  rates[size === 1 ? "one shared connection" : `pool of ${size}`] = { point, scan };
  await pool.close();
}

rates["open per request"] = {
  point: await throughput(1, FOR_MS, async (i) => {
    const pool = await openPool(file, { threads: 0, maxConnections: 1 });
    await pool.queryFirst(POINT, [randomId(i)]);
    await pool.close();
  }),
  scan: Number.NaN,
};
rates["open per request, better-sqlite3"] = {
  point: await throughput(1, FOR_MS, async (i) => {
    const db = new Database(file);
    db.prepare(POINT).get(randomId(i));
    db.close();
  }),
  scan: Number.NaN,
};

// Two cores are seldom twice as fast as one: caches and clocks are shared, as may be the core itself.
for (const size of [1, 2]) {
  const script = new URL("../native-worker.js", import.meta.url);
  const workers = Array.from({ length: size }, () => new Worker(script, { workerData: file }));
  const scan = await throughput(size, FOR_MS * 2, async (i, lane) => {
    workers[lane]?.postMessage(i);
    await once(/** @type {Worker} */ (workers[lane]), "message");
  });
  rates[`better-sqlite3 in ${size} thread${size === 1 ? "" : "s"}`] = { point: Number.NaN, scan };
  await Promise.all(workers.map((worker) => worker.terminate()));
}
console.log(JSON.stringify(rates));
