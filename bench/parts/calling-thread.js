// (c) One peer in the calling thread: prints its figures as JSON. Runs in a process of its own, so
// that no peer's code is compiled for another's objects.

import { FETCH, freshCopy, GROUP, INSERT, POINT, randomId, SCAN } from "../data.js";
import { mean, median, perCall, times } from "../measure.js";
import { peers } from "../peers.js";

const [, , name = "", original = ""] = process.argv;
const file = `${original}-${name.replaceAll(/\W/g, "-")}`;
freshCopy(original, file);
const open = peers[name];
if (open === undefined) throw new Error(`there is no peer ${name}`);
const peer = await open(file);

/** @type {Record<string, number>} */
const figures = {};
await peer.exec(peer.durable ? "PRAGMA synchronous = NORMAL" : "SELECT 1");

const point = peer.point(POINT);
figures["point select, random, us"] = await perCall(20_000, (i) => point(randomId(i)));
figures["point select, hot, us"] = await perCall(20_000, () => point(777));
await peer.exec("BEGIN");
figures["point select, hot, in a transaction, us"] = await perCall(20_000, () => point(777));
await peer.exec("COMMIT");

for (const [label, sql] of [
  ["scan, ms", SCAN],
  ["group by, ms", GROUP],
]) {
  const run = peer.all(sql ?? "");
  figures[label ?? ""] = median(await times(5, run));
}
figures["fetch 100k x 5 as objects, ms"] = median(await times(5, peer.all(FETCH)));
figures["fetch 100k x 5 as arrays, ms"] = median(await times(5, peer.arrays(FETCH)));

const rows = Array.from({ length: 100_000 }, (_, i) => [`fresh item ${i}`, i / 4, i % 100]);
// Every other one pays for the checkpoint of two: only their mean is what one takes.
figures["100k inserts in one transaction, ms"] = mean(
  await times(6, () => peer.bulk(INSERT, rows)),
);

if (peer.durable) {
  const write = peer.write(INSERT);
  figures["autocommit insert, NORMAL, us"] = await perCall(2_000, (i) =>
    write([`w${i}`, i / 4, i]),
  );
  await peer.exec("PRAGMA synchronous = FULL");
  figures["autocommit insert, FULL, us"] = await perCall(1_000, (i) => write([`w${i}`, i / 4, i]));
}
await peer.close();
console.log(JSON.stringify(figures));
