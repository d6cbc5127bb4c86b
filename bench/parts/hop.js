// (d) What the way to a worker thread costs, and (e) what it costs to bring many rows back.

import { openPool } from "sqlite-wasm-pool";
import { POINT, randomId } from "../data.js";
import { median, perCall, throughput, times } from "../measure.js";
import { startPlainWorker } from "../plain-worker.js";

const [, , file = "", part = "hop"] = process.argv;
const MANY = `SELECT id AS a, name AS b, price AS c, stock AS d, note AS e,
  CASE WHEN id % 10 = 0 THEN 9007199254740993 + id ELSE id END AS f,
  CASE WHEN id % 5 = 0 THEN CAST(name AS BLOB) END AS g, price / 3 AS h
  FROM item LIMIT 10000`;

if (part === "hop") await hop();
else await rows();

async function hop() {
  const plain = await startPlainWorker(file);
  const pool = await openPool(file, { threads: 1, maxConnections: 64 });
  const leases = await Promise.all(Array.from({ length: 64 }, () => pool.acquire()));
  /** @param {number} i */
  const ours = (i) => leases[i % 64]?.queryFirst(POINT, [(i % 1000) + 1]) ?? Promise.resolve();
  /** @param {number} i */
  const theirs = (i) => plain.request(POINT, [(i % 1000) + 1], "first");
  const figures = {
    plainLatency: Number.NaN,
    latency: Number.NaN,
    plainThroughput: Number.NaN,
    throughput: Number.NaN,
    pooledThroughput: Number.NaN,
  };
  figures.plainLatency = await perCall(4_000, theirs);
  figures.latency = await perCall(4_000, () => ours(0));
  figures.plainThroughput = await throughput(64, 3_000, theirs);
  figures.throughput = await throughput(64, 3_000, ours);
  for (const db of leases) await db.release();
  figures.pooledThroughput = await throughput(64, 3_000, (i) =>
    pool.queryFirst(POINT, [randomId(i) % 1000]),
  );
  await pool.close();
  await plain.close();
  console.log(JSON.stringify(figures));
}

async function rows() {
  const plain = await startPlainWorker(file);
  const pool = await openPool(file, { threads: 1, maxConnections: 1 });
  /** @type {{ clone: number[], pool: number[] }} */
  const taken = { clone: [], pool: [] };
  for (let round = 0; round < 15; round++) {
    taken.clone.push(...(await times(1, () => plain.request(MANY, [], "objects"))));
    taken.pool.push(...(await times(1, () => pool.query(MANY))));
  }
  await pool.close();
  await plain.close();
  console.log(
    JSON.stringify({ clone: median(taken.clone.slice(3)), pool: median(taken.pool.slice(3)) }),
  );
}
