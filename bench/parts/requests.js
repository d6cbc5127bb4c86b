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
const ROUNDS = 4;
/** @type {Record<string, { point: number, scan: number }>} */
const rates = {};

for (const size of [1, 2, 4, 8]) {
  const pool = await openPool(file, { maxConnections: size });
  const point = await throughput(DEPTH, FOR_MS, (i) => pool.queryFirst(POINT, [randomId(i)]));
  rates[nameOf(size)] = { point, scan: 0 };
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

// Two cores are seldom twice as fast as one, and of a machine that is shared not even for long: all are
// measured in turn, several times, and the best of each is what it can do.
for (const size of [1, 2]) rates[nativeNameOf(size)] = { point: Number.NaN, scan: 0 };
for (let round = 0; round < ROUNDS; round++) {
  for (const size of [1, 2, 4, 8]) {
    const pool = await openPool(file, { maxConnections: size });
    await best(nameOf(size), () => pool.queryFirst(SCAN));
    await pool.close();
  }
  for (const size of [1, 2]) {
    const script = new URL("../native-worker.js", import.meta.url);
    const workers = Array.from({ length: size }, () => new Worker(script, { workerData: file }));
    const free = [...workers];
    /** @type {((worker: Worker) => void)[]} */
    const waiting = [];
    const nextFree = () =>
      new Promise((/** @type {(worker: Worker) => void} */ resolve) => waiting.push(resolve));
    await best(nativeNameOf(size), async () => {
      const worker = free.pop() ?? (await nextFree());
      worker.postMessage("scan");
      await once(worker, "message");
      const next = waiting.shift();
      if (next !== undefined) next(worker);
      else free.push(worker);
    });
    await Promise.all(workers.map((worker) => worker.terminate()));
  }
}
console.log(JSON.stringify(rates));

/** @param {number} size */
function nameOf(size) {
  return size === 1 ? "one shared connection" : `pool of ${size}`;
}

/** @param {number} size */
function nativeNameOf(size) {
  return `better-sqlite3 in ${size} thread${size === 1 ? "" : "s"}`;
}

/**
 * Scans with {@link DEPTH} requests at a time, after some that warm up.
 * @param {string} name
 * @param {() => Promise<unknown>} scan
 */
async function best(name, scan) {
  const all = (/** @type {number} */ count) => Promise.all(Array.from({ length: count }, scan));
  await all(16);
  const start = performance.now();
  await all(DEPTH);
  const rate = (DEPTH / (performance.now() - start)) * 1000;
  const row = rates[name];
  if (row !== undefined && rate > row.scan) row.scan = rate;
}
