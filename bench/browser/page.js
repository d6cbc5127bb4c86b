// Runs every contender round by round, one after the other, so that what disturbs the machine disturbs
// all of them. `bench/browser/run.js` calls `bench()`.

import { openPool } from "sqlite-wasm-pool";
import { CREATE, INSERT, insertAll, measureAll, row, SELECT } from "./workload.js";

const READERS = 4;
const READ_ROWS = 2_000;
/** Long enough that what a new worker compiles while it begins is a small part of it. */
const WRITE_ROWS = 150_000;

/** In a worker of the page: the engine and its files in one thread. */
const IN_WORKER = [
  { name: "sqlite-wasm-pool", module: "pool", variant: "" },
  { name: "opfs", module: "official", variant: "opfs" },
  { name: "opfs-wl", module: "official", variant: "opfs-wl" },
  { name: "opfs-sahpool", module: "official", variant: "opfs-sahpool" },
  { name: "OPFSCoopSyncVFS", module: "wa-sqlite", variant: "OPFSCoopSyncVFS" },
  { name: "OPFSWriteAheadVFS", module: "wa-sqlite", variant: "OPFSWriteAheadVFS" },
];

/** From the page: every statement is a message. */
const IN_PAGE = {
  "sqlite-wasm-pool": () => import("./contenders/pool-in-page.js"),
  sqlocal: () => import("./contenders/sqlocal.js"),
};

/** Several connections, each in a worker of its own; one owner of the file has one for all. */
const BESIDE_WRITER = IN_WORKER.slice(1).map((contender) => ({
  ...contender,
  workers: contender.variant === "opfs-sahpool" ? 1 : READERS + 1,
}));

let files = 0;
const newName = () => `bench-${++files}.db`;

/** Who takes longer than this in a round has had it: another would not change the picture. */
const SLOW_MS = 20_000;
/** Some never end: their readers and their writer starve or lock out each other. */
const MOST_MS = 120_000;
const MOST_BESIDE_MS = 30_000;

/** Every contender of every group, by `group/name`. */
const CONTESTS = new Map([
  ...IN_WORKER.map((one) => /** @type {const} */ ([`worker/${one.name}`, () => inWorker(one)])),
  ...Object.entries(IN_PAGE).map(
    ([name, load]) => /** @type {const} */ ([`page/${name}`, async () => inPage(await load())]),
  ),
  /** @type {const} */ (["beside/sqlite-wasm-pool", poolBesideWriter]),
  ...BESIDE_WRITER.map(
    (one) => /** @type {const} */ ([`beside/${one.name}`, () => workersBesideWriter(one)]),
  ),
  /** @type {const} */ (["beside/sqlocal", sqlocalBesideWriter]),
]);

/**
 * @param {number} rounds
 * @param {string} only The group to run, or all where it is empty
 */
async function bench(rounds, only) {
  /** @type {Record<string, any[]>} */
  const results = {};
  const slow = new Set();
  for (let round = 0; round < rounds; round++) {
    for (const [key, run] of CONTESTS) {
      if (slow.has(key) || !key.startsWith(only)) continue;
      const start = performance.now();
      const figures = await within(MOST_MS, run()).catch((/** @type {unknown} */ error) => ({
        error: String(error),
      }));
      if (performance.now() - start > SLOW_MS) slow.add(key);
      results[key] = [...(results[key] ?? []), figures];
      console.log(key, JSON.stringify(figures));
    }
  }
  return results;
}

/** @param {any} contender */
async function inWorker(contender) {
  const worker = await startWorker(contender, newName());
  try {
    return await worker.ask({ action: "measure" });
  } finally {
    await worker.end();
  }
}

/** @param {{ open(name: string): Promise<any> }} module */
async function inPage(module) {
  const name = newName();
  const figures = await withOpen(module, name, measureAll);
  const begin = performance.now();
  const answered = await withOpen(module, name, async (db) => {
    await db.first(SELECT, [1]);
    return performance.now();
  });
  return { ...figures, start: answered - begin };
}

/**
 * @template T
 * @param {{ open(name: string): Promise<any> }} module
 * @param {string} name
 * @param {(db: any) => Promise<T>} body
 */
async function withOpen(module, name, body) {
  const db = await module.open(name);
  try {
    return await body(db);
  } finally {
    await db.close();
  }
}

async function poolBesideWriter() {
  const pool = await openPool(newName(), { maxConnections: READERS + 1 });
  try {
    await pool.execute(CREATE);
    await pool.executeMany(
      INSERT,
      Array.from({ length: READ_ROWS }, (_, i) => row(i)),
    );
    // Every thread is there, as the workers of the others are.
    const leases = [];
    while (leases.length < READERS + 1) leases.push(await pool.acquire());
    for (const lease of leases) await lease.release();
    const write = () => pool.write((db) => db.executeMany(INSERT, rows()));
    return await readBeside(write, (id) => pool.queryValue(SELECT, [id]));
  } finally {
    await pool.close();
  }
}

function rows() {
  return Array.from({ length: WRITE_ROWS }, (_, i) => row(i));
}

/** @param {any} contender */
async function workersBesideWriter(contender) {
  const name = newName();
  const workers = [];
  try {
    workers.push(await startWorker(contender, name));
    await workers[0]?.ask({ action: "run", sql: CREATE });
    await workers[0]?.ask({ action: "write", rows: READ_ROWS });
    while (workers.length < contender.workers) workers.push(await startWorker(contender, name));
    const [writer, ...others] = workers;
    const readers = others.length === 0 ? workers : others;
    return await readBeside(
      () => writer?.ask({ action: "write", rows: WRITE_ROWS }),
      (id, lane) => readers[lane % readers.length]?.ask({ action: "read", row: id }),
    );
  } finally {
    for (const worker of workers) await worker.end();
  }
}

async function sqlocalBesideWriter() {
  const { open } = await import("./contenders/sqlocal.js");
  const name = newName();
  const [db, other] = [await open(name), await open(name)];
  try {
    await db.run(CREATE);
    await insertAll(db, READ_ROWS);
    return await readBeside(
      () => insertAll(db, WRITE_ROWS),
      (id) => other.first(SELECT, [id]),
    );
  } finally {
    await db.close();
    await other.close();
  }
}

/**
 * Latencies in milliseconds of point queries, four at a time, while one transaction writes.
 * @param {() => unknown} write
 * @param {(id: number, lane: number) => unknown} read
 */
async function readBeside(write, read) {
  /** @type {number[]} */
  const latencies = [];
  let writing = true;
  const lane = async (/** @type {number} */ number) => {
    for (let i = number; writing; i += READERS) {
      const start = performance.now();
      await tryRead((i % READ_ROWS) + 1, number);
      latencies.push(performance.now() - start);
    }
  };
  // Whoever is told that the database is locked asks again: that is part of what a read takes.
  const tryRead = async (/** @type {number} */ id, /** @type {number} */ number) => {
    for (;;) {
      try {
        const value = await read(id, number);
        if (typeof value === "string") return;
        throw new Error(`read ${value}`);
      } catch (error) {
        if (!writing || !/BUSY|locked/i.test(String(error))) throw error;
      }
    }
  };
  await tryRead(1, 0);
  const start = performance.now();
  const written = Promise.resolve(write()).finally(() => {
    writing = false;
  });
  const lanes = Array.from({ length: READERS }, (_, number) => lane(number));
  const ended = await within(MOST_BESIDE_MS, Promise.all([written, ...lanes])).then(
    () => true,
    () => false,
  );
  writing = false;
  const writeMs = ended ? performance.now() - start : Number.NaN;
  const sorted = latencies.sort((a, b) => a - b);
  const at = (/** @type {number} */ share) => sorted[Math.floor((sorted.length - 1) * share)];
  const error = ended ? undefined : `the write had not ended after ${MOST_BESIDE_MS / 1000} s`;
  return { p50: at(0.5), p99: at(0.99), reads: sorted.length, write: writeMs, error };
}

/**
 * @param {{ module: string, variant: string }} contender
 * @param {string} name
 */
async function startWorker({ module, variant }, name) {
  const worker = new Worker(new URL("./worker.js", import.meta.url), { type: "module" });
  /** @type {Map<number, { resolve(value: any): void, reject(error: unknown): void }>} */
  const asked = new Map();
  let ids = 0;
  worker.onmessage = ({ data }) => {
    const question = asked.get(data.id);
    asked.delete(data.id);
    if (data.error === undefined) question?.resolve(data.value);
    else question?.reject(new Error(data.error));
  };
  worker.onerror = (event) => {
    for (const { reject } of asked.values()) reject(new Error(event.message));
  };
  const ask = (/** @type {object} */ message) =>
    new Promise((resolve, reject) => {
      const id = ++ids;
      asked.set(id, { resolve, reject });
      worker.postMessage({ id, ...message });
    });
  await ask({ action: "open", module, variant, name });
  const end = async () => {
    await within(5_000, ask({ action: "close" })).catch(() => {});
    worker.terminate();
  };
  return { ask, end };
}

/**
 * @template T
 * @param {number} ms
 * @param {Promise<T>} promise
 * @returns {Promise<T>}
 */
function within(ms, promise) {
  const late = new Promise((_, reject) => {
    setTimeout(() => reject(new Error(`not done after ${ms / 1000} s`)), ms);
  });
  return Promise.race([promise, /** @type {Promise<T>} */ (late)]);
}

Object.assign(globalThis, { bench });
