// Small programs of a user: the first argument says which, the second is the path of the database.

import process from "node:process";
import { isMainThread, parentPort, Worker } from "node:worker_threads";
import { openPool } from "sqlite-wasm-pool";

/** @type {Record<string, (path: string) => Promise<unknown>>} */
const programs = {
  /** Writes a row and tells what it found. */
  use: (path) =>
    withPool(path, { busyTimeout: 0 }, async (pool) => {
      await pool.execute("CREATE TABLE IF NOT EXISTS t (a)");
      await pool.execute("INSERT INTO t VALUES (?)", [1]);
      const [rows, verdict] = await Promise.all([
        pool.queryValue("SELECT count(*) FROM t"),
        pool.queryValue("PRAGMA integrity_check"),
      ]);
      return { rows, verdict, parallelReads: pool.capabilities.parallelReads };
    }),

  /** Reads only. */
  read: (path) =>
    withPool(path, { busyTimeout: 0, readonly: true }, async (pool) => ({
      rows: await pool.queryValue("SELECT count(*) FROM t"),
    })),

  /** Writes row after row on two connections, and says the number of each once it is acknowledged. */
  async write(path) {
    const pool = await openPool(path, { threads: 2, maxConnections: 2 });
    await pool.execute("CREATE TABLE IF NOT EXISTS t (a)");
    for (let n = 1; ; n++) {
      await pool.execute("INSERT INTO t VALUES (?)", [n]);
      console.log(n);
    }
  },

  /** Keeps the database open for ever. */
  async hold(path) {
    await openPool(path);
    setInterval(() => {}, 1_000);
    return "open";
  },

  /** Leaves a pool open, which must not keep the process from ending. */
  async idle(path) {
    const pool = await openPool(path);
    return pool.queryValue("SELECT 1");
  },

  /** A thread has the database open, and is ended. */
  async thread(path) {
    const worker = new Worker(new URL(import.meta.url), { argv: ["hold", path] });
    await new Promise((resolve) => worker.once("message", resolve));
    const refused = await codeOf(programs.use?.(path));
    await worker.terminate();
    // Deno takes the thread's lock away when the thread has ended, which is a little later.
    for (;;) {
      const found = await codeOf(programs.use?.(path));
      if (typeof found !== "string") return { refused, found };
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
  },

  /** A statement that never ends is in the way of closing; afterwards the file is free and sound. */
  async runaway(path) {
    const pool = await openPool(path, { threads: 1 });
    await pool.execute("CREATE TABLE IF NOT EXISTS t (a)");
    /** @type {(value?: unknown) => void} */
    let begun = () => {};
    const hasBegun = new Promise((resolve) => {
      begun = resolve;
    });
    const running = codeOf(
      pool.write(async (db) => {
        await db.execute("INSERT INTO t VALUES (2)");
        begun();
        await db.query(
          "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT max(i) FROM n",
        );
      }),
    );
    await hasBegun;
    await pool.close({ timeout: 0 });
    return { error: await running, after: await programs.use?.(path) };
  },
};

/**
 * @template T
 * @param {string} path
 * @param {import("sqlite-wasm-pool").PoolOptions} options
 * @param {(pool: import("sqlite-wasm-pool").ConnectionPool) => Promise<T>} body
 */
async function withPool(path, options, body) {
  const pool = await openPool(path, options);
  try {
    return await body(pool);
  } finally {
    await pool.close();
  }
}

/** @param {Promise<unknown> | undefined} outcome */
async function codeOf(outcome) {
  try {
    return await outcome;
  } catch (thrown) {
    return /** @type {{ code?: string }} */ (thrown).code ?? String(thrown);
  }
}

const [, , name = "", path = ""] = process.argv;
/** @param {unknown} value */
const say = (value) =>
  isMainThread ? console.log(JSON.stringify(value)) : parentPort?.postMessage(value);
try {
  say(await programs[name]?.(path));
} catch (thrown) {
  const { name, code, reason, message } =
    /** @type {Error & { code?: string, reason?: string }} */ (thrown);
  say({ name, code, reason, message });
}
