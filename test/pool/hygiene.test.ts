// What one borrower leaves behind must not reach the next.

import { expect, test } from "vitest";
import { inUsualPlaces, rejection } from "../helpers/kinds.ts";

await inUsualPlaces(({ open, memory, path, capabilities }) => {
  const severally = test.runIf(capabilities.severalConnections);

  test("an open transaction is rolled back, and told of", async () => {
    const pool = await open({ maxConnections: 1 });
    const dirty: unknown[] = [];
    pool.on("dirty", (event) => dirty.push(event));
    await pool.execute("CREATE TABLE t (a)");
    await pool.withConnection(async (db) => {
      await db.execute("BEGIN");
      await db.execute("INSERT INTO t VALUES (1)");
    });
    expect(dirty).toMatchObject([{ sql: "INSERT INTO t VALUES (1)" }]);
    expect(await pool.queryValue("SELECT count(*) FROM t")).toBe(0);
    await pool.execute("INSERT INTO t VALUES (2)");
  });

  test("temporary tables, pragmas and attached databases are gone", async () => {
    const pool = await open({ maxConnections: 1, pragmas: { cache_size: 123 } });
    const other = memory ? ":memory:" : path("attached.db");
    await pool.withConnection(async (db) => {
      await db.execute("CREATE TEMP TABLE mine (a)");
      await db.execute("ATTACH ? AS other", [other]);
      await db.execute("PRAGMA cache_size = 7");
      await db.execute("PRAGMA foreign_keys = OFF");
      await db.execute("PRAGMA recursive_triggers = ON");
      expect(await db.queryValue("SELECT count(*) FROM pragma_database_list")).toBe(3);
    });
    await pool.withConnection(async (db) => {
      expect(await db.queryValue("SELECT count(*) FROM pragma_database_list")).toBe(1);
      expect(await db.queryValue("SELECT count(*) FROM sqlite_temp_schema")).toBe(0);
      expect(await db.queryValue("PRAGMA cache_size")).toBe(123);
      expect(await db.queryValue("PRAGMA foreign_keys")).toBe(1);
      expect(await db.queryValue("PRAGMA recursive_triggers")).toBe(0);
    });
  });

  test("what executeMany() and batch() leave behind is gone, too", async () => {
    const pool = await open({ maxConnections: 1 });
    const left = () => pool.queryValue("SELECT count(*) FROM sqlite_temp_schema");
    await pool.withConnection(async (db) => {
      await db.executeMany("CREATE TEMP TABLE IF NOT EXISTS mine (a)", [[]]);
      expect(await db.queryValue("SELECT count(*) FROM sqlite_temp_schema")).toBe(1);
    });
    expect(await left()).toBe(0);
    await pool.withConnection(async (db) => {
      await db.batch([{ sql: "CREATE TEMP TABLE mine (a)" }]);
      expect(await db.queryValue("SELECT count(*) FROM sqlite_temp_schema")).toBe(1);
    });
    expect(await left()).toBe(0);
  });

  test("a connection that was only used is kept as it is", async () => {
    const pool = await open({ maxConnections: 1 });
    const first = await pool.withConnection(async (db) => {
      await db.execute("CREATE TABLE t (a)");
      await db.query("PRAGMA table_info(t)");
      await db.execute("PRAGMA user_version = 3");
      return db.id;
    });
    expect(await pool.withConnection((db) => db.id)).toBe(first);
    expect(pool.stats()).toMatchObject({ created: 1, replaced: 0 });
    expect(await pool.queryValue("PRAGMA user_version")).toBe(3);
  });

  test("a read() whose callback throws leaves no transaction open", async () => {
    const pool = await open({ maxConnections: 1 });
    const dirty: unknown[] = [];
    pool.on("dirty", (event) => dirty.push(event));
    const failure = new Error("mine");
    const reading = pool.read(() => {
      throw failure;
    });
    expect(await rejection(reading)).toBe(failure);
    expect(await pool.withConnection((db) => db.inTransaction)).toBe(false);
    expect(dirty).toEqual([]);
  });

  test("a loop that outlives its lease leaves the connection to the next one as it is", async () => {
    const pool = await open({ maxConnections: 1 });
    const db = await pool.acquire();
    const rows = db.iterate("SELECT value FROM json_each('[1,2,3,4]')", [], { chunkSize: 1 });
    await rows.next();
    await db.release();
    await rows.return?.();
    const next = await pool.acquire();
    const after = next.iterate("SELECT value FROM json_each('[1,2]')", [], { chunkSize: 1 });
    expect(await after.next()).toMatchObject({ value: { value: 1 } });
    // The lease that is released is unclean for its own loop, and for no earlier one.
    expect(next.link.open.size).toBe(1);
    await after.return?.();
    expect(next.link.isClean).toBe(true);
    await next.release();
  });

  test("cursors left open are closed", async () => {
    const pool = await open({ maxConnections: 1 });
    const db = await pool.acquire();
    const rows = db.iterate("SELECT value FROM json_each('[1,2,3,4]')", [], { chunkSize: 1 });
    const iterator = rows[Symbol.asyncIterator]();
    expect(await iterator.next()).toMatchObject({ value: { value: 1 } });
    await db.release();
    await pool.execute("CREATE TABLE t (a)");
    await pool.execute("DROP TABLE t");
    await iterator.return?.();
    expect(pool.activeCount).toBe(0);
  });

  test("foreign keys are enforced unless the option says otherwise", async () => {
    const script = "CREATE TABLE p (id INTEGER PRIMARY KEY); CREATE TABLE c (p REFERENCES p)";
    const strict = await open();
    await strict.executeScript(script);
    await expect(strict.execute("INSERT INTO c VALUES (1)")).rejects.toMatchObject({
      code: "SQLITE_CONSTRAINT_FOREIGNKEY",
    });
    if (!memory) await strict.close();
    const loose = await open({ foreignKeys: false });
    if (memory) await loose.executeScript(script);
    await loose.execute("INSERT INTO c VALUES (1)");
  });

  severally("options reach every connection", async () => {
    const pool = await open({
      maxConnections: 3,
      synchronous: "normal",
      pragmas: { cache_size: -2000, case_sensitive_like: true, temp_store: "memory" },
    });
    const leases = await Promise.all([pool.acquire(), pool.acquire(), pool.acquire()]);
    for (const db of leases) {
      expect(await db.queryValue("PRAGMA synchronous")).toBe(1);
      expect(await db.queryValue("PRAGMA cache_size")).toBe(-2000);
      expect(await db.queryValue("SELECT 'A' LIKE 'a'")).toBe(0);
      expect(await db.queryValue("PRAGMA temp_store")).toBe(2);
      await db.release();
    }
  });

  test.runIf(capabilities.parallelReads && capabilities.attachStored && !memory)(
    "a release waits for all reads made together, whichever gets its lock first",
    async () => {
      const pool = await open({ maxConnections: 3, journalMode: "delete" });
      await pool.execute("CREATE TABLE t (a)");
      const leases = [await pool.acquire(), await pool.acquire(), await pool.acquire()] as const;
      const [db, locker, attachedLocker] = leases;
      await attachedLocker.execute("ATTACH ? AS other", [path("locked.db")]);
      await attachedLocker.execute("CREATE TABLE other.u (a)");
      await db.execute("ATTACH ? AS other", [path("locked.db")]);
      await attachedLocker.execute("PRAGMA other.locking_mode = EXCLUSIVE");
      await attachedLocker.execute("INSERT INTO other.u VALUES (1)");
      await locker.execute("BEGIN EXCLUSIVE");
      const waiting = pool.stats().busy;
      const last = db.queryValue("SELECT a FROM other.u");
      const first = db.queryValue("SELECT count(*) FROM main.t");
      const released = db.release();
      while (pool.stats().busy < waiting + 2) await new Promise((resolve) => setTimeout(resolve));
      await locker.release();
      expect(await first).toBe(0);
      await attachedLocker.release();
      expect(await last).toBe(1);
      await released;
      expect(pool.stats()).toMatchObject({ idle: 3, replaced: 0 });
    },
  );

  severally(
    "a release waits for the lock that its connection needs to be opened anew",
    async () => {
      const pool = await open({ maxConnections: 2, journalMode: "delete" });
      const [db, locker] = [await pool.acquire(), await pool.acquire()];
      await db.execute("CREATE TEMP TABLE mine (a)");
      await locker.execute("BEGIN EXCLUSIVE");
      const released = db.release();
      while (pool.stats().busy === 0) await new Promise((resolve) => setTimeout(resolve));
      await locker.execute("COMMIT");
      await released;
      await locker.release();
      expect(pool.stats()).toMatchObject({ idle: 2, replaced: 0 });
      expect(await pool.queryValue("SELECT count(*) FROM sqlite_temp_schema")).toBe(0);
    },
  );

  severally("a connection that cannot be opened anew for a lock is replaced, and why", async () => {
    const pool = await open({ maxConnections: 2, journalMode: "delete", busyTimeout: 20 });
    const reasons: string[] = [];
    pool.on("replace", ({ reason }) => reasons.push(reason));
    const [db, locker] = [await pool.acquire(), await pool.acquire()];
    await db.execute("CREATE TEMP TABLE mine (a)");
    await locker.execute("BEGIN EXCLUSIVE");
    await db.release();
    expect(reasons).toMatchObject([expect.stringContaining("locked")]);
    await locker.release();
    expect(await pool.queryValue("SELECT count(*) FROM sqlite_temp_schema")).toBe(0);
  });
});
