// (d) What the way to a worker thread costs, and (e) what it costs to bring many rows back.

import { openPool } from "sqlite-wasm-pool";
import { POINT } from "../data.js";
import { median, perCall, throughput, times } from "../measure.js";
import { startPlainWorker } from "../plain-worker.js";

const [, , file = "", part = ""] = process.argv;
const MANY = `SELECT id AS a, name AS b, price AS c, stock AS d, note AS e,
  CASE WHEN id % 10 = 0 THEN 9007199254740993 + id ELSE id END AS f,
  CASE WHEN id % 5 = 0 THEN CAST(name AS BLOB) END AS g, price / 3 AS h
  FROM item LIMIT 10000`;

/** Rounds until the engine has compiled what it runs for good, on both sides. */
const WARM_UP = 40;

/** @type {Record<string, () => Promise<unknown>>} */
const measured = { hopPlain, hopPool, rowsPlain, rowsPool };
console.log(JSON.stringify(await measured[part]?.()));

async function hopPlain() {
  const plain = await startPlainWorker(file);
  const point = (/** @type {number} */ i) => plain.request(POINT, [(i % 1000) + 1], "first");
  const held = await throughput(64, 4_000, point);
  const latency = await perCall(4_000, point);
  await plain.close();
  return { latency, held };
}

async function hopPool() {
  const pool = await openPool(file, { threads: 1, maxConnections: 64 });
  const db = await pool.acquire();
  const point = (/** @type {number} */ i) => db.queryFirst(POINT, [(i % 1000) + 1]);
  const held = await throughput(64, 4_000, point);
  const latency = await perCall(4_000, point);
  await db.release();
  const pooled = await throughput(64, 3_000, (i) => pool.queryFirst(POINT, [(i % 1000) + 1]));
  await pool.close();
  return { latency, held, pooled };
}

async function rowsPlain() {
  const plain = await startPlainWorker(file);
  const taken = await times(60, () => plain.request(MANY, [], "objects"));
  await plain.close();
  return { ms: median(taken.slice(WARM_UP)) };
}

async function rowsPool() {
  const pool = await openPool(file, { threads: 1, maxConnections: 1 });
  const taken = await times(60, () => pool.query(MANY));
  await pool.close();
  return { ms: median(taken.slice(WARM_UP)) };
}
