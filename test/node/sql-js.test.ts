// What is particular to pools on sql.js; all else they have in common with every other pool.

import { execFileSync } from "node:child_process";
import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";
import Database from "better-sqlite3";
import { type ConnectionPool, openPool, type PoolOptions } from "sqlite-wasm-pool";
import { afterEach, describe, expect, test } from "vitest";
import { gate, rejection, useDirectory } from "../helpers/kinds.ts";

const FOREVER =
  "WITH RECURSIVE c (x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM c) SELECT max(x) FROM c";

describe('engine "sql.js"', () => {
  const path = useDirectory();
  const pools: ConnectionPool[] = [];
  const open = async (name: string, options: PoolOptions = {}) => {
    const pool = await openPool(name, { engine: "sql.js", threads: 0, ...options });
    pools.push(pool);
    return pool;
  };
  afterEach(async () => {
    await Promise.all(pools.splice(0).map((pool) => pool.close({ timeout: 0 })));
  });

  test.each([0, 3])("lends its one connection in turn, with threads: %i", async (threads) => {
    const pool = await open(":memory:", { threads, maxConnections: 5 });
    expect(pool.stats()).toMatchObject({ engine: "sql.js", max: 1, threads: Math.min(threads, 1) });
    expect(pool.capabilities).toMatchObject({ parallelReads: false, severalConnections: false });
    expect(pool.capabilities.wal).toBe(false);

    const seen: number[] = [];
    const finish = gate();
    const borrowers = [1, 2, 3].map((number) =>
      pool.withConnection(async (db) => {
        seen.push(number);
        if (number === 1) await finish.promise;
        await db.query("SELECT 1");
        expect(pool.activeCount).toBe(1);
      }),
    );
    await expect.poll(() => seen).toEqual([1]);
    expect(pool.waitingCount).toBe(2);
    pool.resize(10);
    const refused = await rejection(pool.acquire({ timeout: 0 }));
    expect(refused).toMatchObject({ code: "ACQUIRE_TIMEOUT" });
    expect(refused.message).not.toContain("maxConnections");
    finish.open();
    await Promise.all(borrowers);
    expect(seen).toEqual([1, 2, 3]);
    expect(pool.totalCount).toBe(1);
  });

  test("two pools of one thread have an instance each", async () => {
    const [one, two] = [await open(":memory:"), await open(":memory:")];
    await one.execute("CREATE TABLE t (a)");
    expect(await two.query("SELECT name FROM sqlite_schema")).toEqual([]);
    await one.close();
    expect(await two.queryValue("SELECT 1")).toBe(1);
  });

  test("shares its files with the official build and with native SQLite", async () => {
    const file = path("shared.db");
    for (const engine of ["sql.js", "sqlite-wasm", "sql.js"] as const) {
      const pool = await open(file, { engine, threads: 1 });
      await pool.executeScript("CREATE TABLE IF NOT EXISTS t (a)");
      await pool.execute("INSERT INTO t VALUES (?)", [engine]);
      await pool.close();
    }
    const native = new Database(file);
    expect(native.pragma("integrity_check", { simple: true })).toBe("ok");
    expect(native.prepare("SELECT a FROM t").pluck().all()).toEqual([
      "sql.js",
      "sqlite-wasm",
      "sql.js",
    ]);
    native.close();
  });

  test("opens for reading only, attached databases included, and creates nothing", async () => {
    const file = path("read.db");
    expect(await rejection(open(file, { create: false }))).toMatchObject({
      name: "StorageError",
    });
    expect(existsSync(file)).toBe(false);
    const writer = await open(file);
    await writer.executeScript("CREATE TABLE t (a); INSERT INTO t VALUES (1)");
    await writer.backup(path("other.db"));
    await writer.close();

    const reader = await open(file, { readonly: true });
    expect(await reader.queryValue("SELECT a FROM t")).toBe(1);
    expect(await rejection(reader.execute("INSERT INTO t VALUES (2)"))).toMatchObject({
      code: "SQLITE_READONLY",
    });
    await reader.withConnection(async (db) => {
      await db.execute("ATTACH ? AS other", [path("other.db")]);
      expect(await rejection(db.execute("DELETE FROM other.t"))).toMatchObject({
        code: "SQLITE_READONLY",
      });
    });
  });

  test("stops a statement that runs in a thread of its own", async () => {
    const pool = await open(":memory:", { threads: 1 });
    expect(pool.capabilities.interrupt).toBe(true);
    const controller = new AbortController();
    const reason = new Error("no longer wanted");
    const stopped = pool.query(FOREVER, [], { signal: controller.signal });
    controller.abort(reason);
    expect(await rejection(stopped)).toBe(reason);
    expect(await pool.queryValue("SELECT 1")).toBe(1);
  });

  test("is chosen, compiled to JavaScript, where there is no WebAssembly", () => {
    const child = fileURLToPath(new URL("../helpers/no-webassembly.js", import.meta.url));
    const file = path("jitless.db");
    const output = execFileSync(process.execPath, ["--jitless", child, file], {
      encoding: "utf8",
      stdio: ["ignore", "pipe", "ignore"],
    });
    const [first, second] = [2n ** 60n, 2n ** 60n + 1n].map((a) => ({ a: String(a) }));
    expect(JSON.parse(output)).toEqual([
      "undefined",
      "sql.js",
      [first],
      "sql.js",
      [first, second],
      "STORAGE_UNSUPPORTED",
    ]);
    expect(existsSync(`${file}-wal`)).toBe(false);
  });
});
