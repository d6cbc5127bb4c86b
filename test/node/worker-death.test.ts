// A worker thread that dies takes its own connections with it and nothing else.

import { execFile } from "node:child_process";
import { syncBuiltinESMExports } from "node:module";
import { promisify } from "node:util";
import workerThreads, { type Worker } from "node:worker_threads";
import {
  type ConnectionPool,
  openPool,
  type PoolOptions,
  WorkerCrashedError,
} from "sqlite-wasm-pool";
import { crashThread } from "sqlite-wasm-pool/testing";
import { afterAll, afterEach, expect, test } from "vitest";
import { FOREVER } from "../helpers/forever.ts";
import { gate, rejection, useDirectory } from "../helpers/kinds.ts";

const path = useDirectory();

// The pool's threads are seen as they start, so that the tests can end them.
const workers: Worker[] = [];
const Original = workerThreads.Worker;
workerThreads.Worker = class extends Original {
  constructor(...args: ConstructorParameters<typeof Original>) {
    super(...args);
    workers.push(this);
  }
};
syncBuiltinESMExports();
afterAll(() => {
  workerThreads.Worker = Original;
  syncBuiltinESMExports();
});

const pools: ConnectionPool[] = [];
afterEach(async () => {
  await Promise.all(pools.splice(0).map((pool) => pool.close({ timeout: 0 })));
  workers.length = 0;
});
let count = 0;
async function open(options?: PoolOptions): Promise<ConnectionPool> {
  const pool = await openPool(path(`${++count}.db`), { threads: 2, maxConnections: 2, ...options });
  pools.push(pool);
  return pool;
}

test("an import whose stream stalls ends with its thread", async () => {
  const pool = await open({ threads: 1, maxConnections: 1 });
  const begun = gate();
  const stalls = new ReadableStream<Uint8Array>({ pull: () => begun.open() });
  const importing = rejection(pool.import(stalls));
  await begun.promise;
  const [{ connection = 0 } = {}] = pool.connections();
  await crashThread(pool, connection);
  expect(await importing).toBeInstanceOf(WorkerCrashedError);
  expect(stalls.locked).toBe(false);
  expect(await pool.queryValue("SELECT 1")).toBe(1);
});

test("a program goes on after crashThread() although nothing else keeps it", async () => {
  const program = `
    import { openPool } from "sqlite-wasm-pool";
    import { crashThread } from "sqlite-wasm-pool/testing";
    const pool = await openPool(":memory:", { threads: 1, maxConnections: 1 });
    const db = await pool.acquire();
    const running = db.query(${JSON.stringify(FOREVER)}).catch(({ code }) => console.log(code));
    await crashThread(pool, db.id);
    await running;
    await db.release();
    console.log(await pool.queryValue("SELECT 42"));
    await pool.close();`;
  const node = promisify(execFile);
  const { stdout } = await node(process.execPath, ["--input-type=module", "-e", program]);
  expect(stdout).toBe("WORKER_CRASHED\n42\n");
});

test("a program goes on after threads that end in the middle of their replies", async () => {
  const program = `
    import { openPool } from "sqlite-wasm-pool";
    import { crashThread } from "sqlite-wasm-pool/testing";
    const pool = await openPool(":memory:", { threads: 2, maxConnections: 3 });
    await pool.execute("CREATE TABLE t (a)");
    for (let round = 0; round < 15; round++) {
      const db = await pool.acquire();
      const working = db.transaction(async () => {
        for (let a = 0; a < 60; a++) await db.execute("INSERT INTO t VALUES (?)", [a]);
      });
      working.catch(() => {});
      await new Promise((resolve) => setTimeout(resolve, (round * 7) % 20));
      await crashThread(pool, db.id);
      await working.catch(() => {});
      await db.release().catch(() => {});
    }
    await pool.close();
    console.log("done");`;
  const node = promisify(execFile);
  const { stdout } = await node(process.execPath, ["--input-type=module", "-e", program]);
  expect(stdout).toBe("done\n");
});

test("a borrower that waits for the write lock hears at once that its thread has died", async () => {
  const pool = await open({ busyTimeout: Number.POSITIVE_INFINITY });
  const [holder, db] = [await pool.acquire(), await pool.acquire()];
  await holder.execute("BEGIN IMMEDIATE");
  const waiting = rejection(db.execute("CREATE TABLE t (a)"));
  while (pool.stats().busy === 0) await new Promise((resolve) => setTimeout(resolve));
  await crashThread(pool, db.id);
  expect(await waiting).toMatchObject({ code: "WORKER_CRASHED", mayHaveRun: false });
  await db.release();
  await holder.execute("COMMIT");
});

test("crashThread() ends the thread of one connection, as a crash does", async () => {
  const pool = await open({ maxConnections: 2, threads: 2 });
  const [db, other] = [await pool.acquire(), await pool.acquire()];
  const running = rejection(db.query(FOREVER));
  await crashThread(pool, db.id);
  const error = await running;
  expect(error).toBeInstanceOf(WorkerCrashedError);
  expect(error).toMatchObject({ retriable: true, mayHaveRun: true });
  expect(await other.queryValue("SELECT 1")).toBe(1);
  await db.release();
  await other.release();
  expect(pool.stats().replaced).toBe(1);
  expect(await rejection(crashThread(pool, -1))).toBeInstanceOf(RangeError);
  const inline = await open({ threads: 0 });
  const [{ connection = 0 } = {}] = inline.connections();
  expect(await rejection(crashThread(inline, connection))).toBeInstanceOf(TypeError);
});

test("a borrower's statement rejects with WorkerCrashedError, and the connection is replaced", async () => {
  const pool = await open({ maxConnections: 1, threads: 1 });
  const replaced: number[] = [];
  pool.on("replace", ({ connection }) => replaced.push(connection));
  const db = await pool.acquire();
  const running = rejection(db.query(FOREVER));
  await workers[0]?.terminate();
  const error = await running;
  expect(error).toBeInstanceOf(WorkerCrashedError);
  expect(error).toMatchObject({ code: "WORKER_CRASHED", retriable: true, mayHaveRun: true });
  expect(db.isOpen).toBe(false);
  const late = await rejection(db.query("SELECT 1"));
  expect(late).toBeInstanceOf(WorkerCrashedError);
  expect(late).not.toBe(error);
  expect(late).toMatchObject({ retriable: true, mayHaveRun: false });
  await db.release();
  expect(replaced).toEqual([db.id]);
  expect(await pool.queryValue("SELECT 1")).toBe(1);
  expect(pool.stats()).toMatchObject({ replaced: 1, total: 1 });
});

test("an idle connection whose worker died is never lent", async () => {
  const pool = await open({ maxConnections: 1, threads: 1 });
  const replaced = gate<{ connection: number }>();
  pool.on("replace", replaced.open);
  await workers[0]?.terminate();
  await replaced.promise;
  expect(pool.totalCount).toBe(0);
  expect(await pool.queryValue("SELECT 1")).toBe(1);
});

test("connections in other threads go on", async () => {
  const pool = await open();
  await pool.execute("CREATE TABLE t (a)");
  const [one, two] = await Promise.all([pool.acquire(), pool.acquire()]);
  await workers[0]?.terminate();
  const [dead, alive] = one.isOpen ? [two, one] : [one, two];
  expect(await rejection(dead.query("SELECT 1"))).toBeInstanceOf(WorkerCrashedError);
  expect(await alive.queryValue("SELECT count(*) FROM t")).toBe(0);
  await alive.release();
  await dead.release();
});

test("those who wait for a connection are served by the thread that replaces the dead one", async () => {
  const pool = await open();
  const [db, other] = [await pool.acquire(), await pool.acquire()];
  const numbers = Array.from({ length: 20 }, (_, n) => n);
  const waiting = numbers.map((n) => pool.withConnection((db) => db.queryValue("SELECT ?", [n])));
  const running = rejection(db.query(FOREVER));
  const crashed = crashThread(pool, db.id);
  expect(await running).toBeInstanceOf(WorkerCrashedError);
  await db.release();
  expect(await Promise.all(waiting)).toEqual(numbers);
  await crashed;
  await other.release();
});

test("a connection whose thread dies while it is opened is opened in another one", async () => {
  let deaths = 1;
  const pool = await open({
    maxConnections: 2,
    onConnect: async (db) => {
      if (workers.length < 2 || deaths-- <= 0) return;
      const running = db.query(FOREVER);
      await workers.at(-1)?.terminate();
      await running;
    },
  });
  const first = await pool.acquire();
  const second = await pool.acquire();
  expect(await second.queryValue("SELECT 1")).toBe(1);
  expect(workers).toHaveLength(3);
  await Promise.all([first.release(), second.release()]);
});

test("a worker that dies as the writer frees the write lock, and what it had not committed is gone", async () => {
  const pool = await open({ pragmas: { cache_size: 2 } });
  await pool.execute("CREATE TABLE t (a)");
  const written = gate();
  const never = new Promise<void>(() => {});
  const writing = rejection(
    pool.write(async (db) => {
      await db.execute(
        "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 5000) INSERT INTO t SELECT hex(randomblob(100)) FROM n",
      );
      written.open();
      const running = db.query(FOREVER);
      await Promise.race([running, never]);
    }),
  );
  await written.promise;
  const next = pool.execute("INSERT INTO t VALUES ('next')");
  await Promise.all(workers.map((worker) => worker.terminate()));
  expect(await writing).toBeInstanceOf(WorkerCrashedError);
  await next;
  expect(await pool.queryValue("SELECT group_concat(a) FROM t")).toBe("next");
  expect(await pool.queryValue("PRAGMA integrity_check")).toBe("ok");
});

test("workers killed again and again in the middle of transfers lose no acknowledged one", async () => {
  const pool = await open({ maxConnections: 3, pragmas: { wal_autocheckpoint: 30 } });
  await pool.executeScript(`
    CREATE TABLE account (id INTEGER PRIMARY KEY, balance INTEGER);
    INSERT INTO account VALUES (1, 1000), (2, 1000);
    CREATE TABLE done (n INTEGER PRIMARY KEY);
  `);
  const acknowledged: number[] = [];
  let n = 0;
  let going = true;
  const writers = Array.from({ length: 2 }, async () => {
    while (going) {
      const mine = ++n;
      const transfer = pool.write(async (db) => {
        await db.execute("UPDATE account SET balance = balance - 1 WHERE id = 1");
        await db.execute("INSERT INTO done VALUES (?)", [mine]);
        await db.execute("UPDATE account SET balance = balance + 1 WHERE id = 2");
      });
      await transfer.then(
        () => acknowledged.push(mine),
        (error) => expect(error).toBeInstanceOf(WorkerCrashedError),
      );
    }
  });
  for (let round = 0; round < 15; round++) {
    const before = acknowledged.length;
    while (acknowledged.length < before + 5) await new Promise((resolve) => setImmediate(resolve));
    await workers.at(-1 - (round % 2))?.terminate();
  }
  going = false;
  await Promise.all(writers);
  const rows = await pool.query<{ n: number }>("SELECT n FROM done");
  const present = new Set(rows.map((row) => row.n));
  expect(acknowledged.filter((each) => !present.has(each))).toEqual([]);
  expect(await pool.queryValue("SELECT sum(balance) FROM account")).toBe(2000);
  expect(await pool.queryValue("SELECT balance FROM account WHERE id = 2")).toBe(
    1000 + rows.length,
  );
  expect(await pool.queryValue("PRAGMA integrity_check")).toBe("ok");
});

test("a statement that ignores close() is interrupted", async () => {
  const pool = await open({ maxConnections: 1, threads: 1 });
  const running = rejection(pool.query(FOREVER));
  await pool.close({ timeout: 1 });
  expect(await running).toMatchObject({ code: "SQLITE_INTERRUPT" });
});

test("a commit that may have been made by a thread that died is told of", async () => {
  const pool = await open({ maxConnections: 1, threads: 1 });
  await pool.execute("CREATE TABLE t (a)");
  const rows = pool.watch("SELECT count(*) AS n FROM t");
  await rows.next();
  const told = gate<{ tables: readonly string[] }>();
  pool.on("change", told.open);
  const again = rows.next();
  const running = rejection(pool.execute(`INSERT INTO t ${FOREVER}`));
  await workers[0]?.terminate();
  expect(await running).toBeInstanceOf(WorkerCrashedError);
  expect((await again).value).toEqual([{ n: 0 }]);
  expect((await told.promise).tables).toContain("t");
});

test("a watch whose thread dies while it reads, reads again", async () => {
  const pool = await open({ maxConnections: 1, threads: 1 });
  await pool.execute("CREATE TABLE t AS SELECT 1 AS a");
  let slow = true;
  const rows = pool.watch("SELECT a FROM t");
  pool.on("acquire", () => {
    if (slow) void workers[0]?.terminate();
    slow = false;
  });
  expect((await rows.next()).value).toEqual([{ a: 1 }]);
  expect(pool.stats().replaced).toBe(1);
});
