// (c) One part of the table for one peer in the calling thread: prints its figures as JSON. Runs in a process of
// its own, so that no peer's code is compiled for another's objects, and no part warms up another's pages.

import { FETCH, freshCopy, GROUP, INSERT, POINT, randomId, SCAN } from "../data.js";
import { mean, median, perCall, times } from "../measure.js";
import { peers } from "../peers.js";

const [, , name = "", original = "", part = ""] = process.argv;
const open = peers[name];
if (open === undefined) throw new Error(`there is no peer ${name}`);
const file = `${original}-${name.replaceAll(/\W/g, "-")}`;
freshCopy(original, file);
const peer = await open(file);
await peer.exec(peer.durable ? "PRAGMA synchronous = NORMAL" : "SELECT 1");

const parts = { points, scans, inserts };
const measure = parts[/** @type {keyof typeof parts} */ (part)];
if (measure === undefined) throw new Error(`there is no part ${part}`);
/** @type {Record<string, number>} */
const figures = {};
await measure();
await peer.close();
console.log(JSON.stringify(figures));

async function points() {
  const point = peer.point(POINT);
  figures["point select, random, us"] = await perCall(20_000, (i) => point(randomId(i)));
  figures["point select, hot, us"] = await perCall(20_000, () => point(777));
  await peer.exec("BEGIN");
  figures["point select, hot, in a transaction, us"] = await perCall(20_000, () => point(777));
  await peer.exec("COMMIT");
}

async function scans() {
  figures["scan, ms"] = median(await times(5, peer.all(SCAN)));
  figures["group by, ms"] = median(await times(5, peer.all(GROUP)));
  figures["fetch 100k x 5 as objects, ms"] = median(await times(5, peer.all(FETCH)));
  figures["fetch 100k x 5 as arrays, ms"] = median(await times(5, peer.arrays(FETCH)));
}

async function inserts() {
  const rows = Array.from({ length: 100_000 }, (_, i) => [`fresh item ${i}`, i / 4, i % 100]);
  // Every other one pays for the checkpoint of two: only their mean is what one takes.
  const taken = await times(6, () => peer.bulk(INSERT, rows));
  figures["100k inserts in one transaction, ms"] = mean(taken);
  if (!peer.durable) return;
  const write = peer.write(INSERT);
  const insert = (/** @type {number} */ i) => write([`w${i}`, i / 4, i]);
  figures["autocommit insert, NORMAL, us"] = await perCall(2_000, insert);
  await peer.exec("PRAGMA synchronous = FULL");
  figures["autocommit insert, FULL, us"] = await perCall(1_000, insert);
}
