// Prints every ratio that the project promises, each part in processes of its own.
//
//   npm run bench            all parts
//   npm run bench -- c d     some of them

import { execFile } from "node:child_process";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { makeDatabase, makeDirectory } from "./data.js";
import { median, printTable, short, verdict } from "./measure.js";
import { peers } from "./peers.js";

const run = promisify(execFile);
const ROUNDS = 3;
const chosen = process.argv.slice(2);
const original = join(makeDirectory(), "bench.db");
makeDatabase(original);

/**
 * What a part prints, run in a process of its own.
 * @param {string} part
 * @param {readonly string[]} args
 */
async function figuresOf(part, ...args) {
  const script = fileURLToPath(new URL(`./parts/${part}.js`, import.meta.url));
  const { stdout } = await run(process.execPath, [script, ...args], { maxBuffer: 1 << 26 });
  return JSON.parse(stdout.trim().split("\n").at(-1) ?? "");
}

const parts = { a, b, c, d, e };
for (const [name, part] of Object.entries(parts)) {
  if (chosen.length === 0 || chosen.includes(name)) await part();
}

async function a() {
  console.log("\n(a) 64 requests at a time, per second");
  const rates = await figuresOf("requests", original);
  const rows = Object.entries(rates).map(([name, { point, scan }]) => [
    name,
    short(point),
    short(scan ?? Number.NaN),
  ]);
  printTable([["", "point query", "scan"], ...rows]);
  verdict(
    "pool of 4 over open per request, point queries",
    rates["pool of 4"].point / rates["open per request"].point,
    10,
    "at least",
  );
  const scans = (/** @type {string} */ name) => rates[name].scan;
  const gain = scans("pool of 2") / scans("one shared connection");
  verdict("pool of 2 over one connection, scans", gain, 1.8, "at least");
  const nativeGain = scans("better-sqlite3 in 2 threads") / scans("better-sqlite3 in 1 thread");
  console.log(
    `          on this machine two threads of better-sqlite3 scan ${short(nativeGain)} times what one does`,
  );
}

async function b() {
  console.log("\n(b) point queries while long write transactions run, ms");
  const { pool, shared } = await figuresOf("readers", original);
  printTable([
    ["", "queries", "p50", "p99"],
    ["WAL pool of 2", String(pool.count), short(pool.p50), short(pool.p99)],
    ["one shared connection", String(shared.count), short(shared.p50), short(shared.p99)],
  ]);
  verdict("the pool's p50 in ms", pool.p50, 0.2, "at most");
  verdict("the shared connection's p99 over the pool's", shared.p99 / pool.p99, 50, "at least");
}

async function c() {
  console.log("\n(c) in the calling thread, the lowest of three processes");
  /** @type {Record<string, Record<string, number>>} */
  const best = {};
  for (let round = 0; round < ROUNDS; round++) {
    for (const peer of Object.keys(peers)) {
      if (peer === "node:sqlite" && !process.getBuiltinModule?.("node:sqlite")) continue;
      best[peer] ??= {};
      for (const part of ["points", "scans", "inserts"]) {
        const figures = await figuresOf("calling-thread", peer, original, part);
        for (const [row, value] of Object.entries(figures)) {
          best[peer][row] = Math.min(best[peer][row] ?? Number.POSITIVE_INFINITY, Number(value));
        }
      }
    }
  }
  const names = Object.keys(best);
  const labels = Object.keys(best.pool ?? {});
  const cell = (/** @type {string} */ peer, /** @type {string} */ row) =>
    best[peer]?.[row] ?? Number.NaN;
  printTable([
    ["", ...names],
    ...labels.map((row) => [row, ...names.map((peer) => short(cell(peer, row)))]),
  ]);
  for (const row of labels) {
    const ours = cell("pool", row);
    for (const peer of ["sql.js", "node-sqlite3-wasm"]) {
      if (Number.isFinite(cell(peer, row)))
        verdict(`${row}: over ${peer}`, ours / cell(peer, row), 1, "at most");
    }
    // Grouping is the engine's own speed, and no target.
    if (row.startsWith("group")) continue;
    const limit = row.startsWith("fetch") ? 1 : row.startsWith("scan") ? 1.5 : 1.2;
    verdict(`${row}: over better-sqlite3`, ours / cell("better-sqlite3", row), limit, "at most");
  }
}

async function d() {
  console.log("\n(d) point queries through one worker thread");
  const plain = await mediansOf("hopPlain");
  const ours = await mediansOf("hopPool");
  printTable([
    ["", "depth 1, us", "depth 64, /s"],
    ["plain postMessage", short(plain("latency")), short(plain("held"))],
    ["this library, connections held", short(ours("latency")), short(ours("held"))],
    ["this library, through the pool", "", short(ours("pooled"))],
  ]);
  verdict("plain latency over ours", plain("latency") / ours("latency"), 2, "at least");
  verdict("our throughput over plain", ours("held") / plain("held"), 2, "at least");
}

async function e() {
  console.log("\n(e) 10k x 8 rows with NULLs, bigints and blobs to plain objects, ms end to end");
  const plain = await mediansOf("rowsPlain");
  const ours = await mediansOf("rowsPool");
  printTable([
    ["structured clone", short(plain("ms"))],
    ["this library", short(ours("ms"))],
  ]);
  verdict("structured clone over ours", plain("ms") / ours("ms"), 2, "at least");
}

/**
 * The medians of a measurement of `parts/hop.js` over several processes.
 * @param {string} measured
 */
async function mediansOf(measured) {
  /** @type {Record<string, number>[]} */
  const runs = [];
  for (let round = 0; round < ROUNDS; round++)
    runs.push(await figuresOf("hop", original, measured));
  return (/** @type {string} */ key) => median(runs.map((figures) => figures[key] ?? Number.NaN));
}
