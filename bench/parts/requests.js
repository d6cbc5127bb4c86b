// (a) The reason for a pool: 64 requests at a time, answered in four ways.

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
console.log(JSON.stringify(rates));
