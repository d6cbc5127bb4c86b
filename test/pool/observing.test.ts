import { HealthMonitor, type PoolEvents, poolHealthCheck } from "sqlite-wasm-pool";
import { expect, test } from "vitest";
import { gate, inUsualPlaces, rejection } from "../helpers/kinds.ts";

await inUsualPlaces(({ open, threads, storage, capabilities }) => {
  const severally = test.runIf(capabilities.severalConnections);

  severally("stats() is plain data that counts what the pool did", async () => {
    const pool = await open({ maxConnections: 2, name: "counted" });
    expect(pool.stats()).toMatchObject({
      acquired: 0,
      released: 0,
      created: 1,
      queries: 0,
      idle: 1,
      total: 1,
    });
    await pool.execute("CREATE TABLE t (a)");
    await pool.query("SELECT 1 UNION SELECT 2");
    await rejection(pool.query("SELEC"));
    const stats = pool.stats();
    expect(JSON.parse(JSON.stringify(stats))).toEqual(stats);
    expect(stats).toMatchObject({
      name: "counted",
      storage,
      engine: "sqlite-wasm",
      journalMode: "wal",
      active: 0,
      idle: 1,
      total: 1,
      max: 2,
      waiting: 0,
      acquired: 3,
      released: 3,
      created: 1,
      closed: 0,
      replaced: 0,
      timedOut: 0,
      aborted: 0,
      rejected: 0,
      leaked: 0,
      queries: 3,
      rows: 2,
      errors: 1,
      busy: 0,
    });
    expect(stats.threads).toBe(threads === 0 ? 0 : 1);
    for (const summary of [stats.acquireWait, stats.held, stats.queryTime]) {
      expect(summary.count).toBe(3);
      expect(summary.min).toBeLessThanOrEqual(summary.p50);
      expect(summary.p50).toBeLessThanOrEqual(summary.p99);
      expect(summary.p99).toBeLessThanOrEqual(summary.max);
    }
    expect(stats.uptime).toBeGreaterThan(0);
  });

  test("events tell of what happens, until their listener is taken off", async () => {
    const pool = await open({ maxConnections: 1, acquireTimeout: 10 });
    const seen: string[] = [];
    const names = [
      "acquire",
      "release",
      "create",
      "close",
      "wait",
      "timeout",
      "replace",
      "query",
    ] as const;
    const offs = names.map((name) => pool.on(name, () => void seen.push(name)));
    const db = await pool.acquire();
    await rejection(pool.acquire());
    await db.query("SELECT 1");
    await db.release();
    expect(seen).toEqual(["acquire", "wait", "timeout", "query", "release"]);
    for (const off of offs) off();
    await pool.query("SELECT 1");
    expect(seen).toHaveLength(5);
    expect(() => pool.on("queries" as never, () => {})).toThrow(TypeError);
  });

  test("a query event has the SQL, the rows and the error", async () => {
    const pool = await open();
    const seen: unknown[] = [];
    pool.on("query", (event) => seen.push(event));
    await pool.query("SELECT 1 UNION SELECT 2");
    const error = await rejection(pool.query("SELEC"));
    expect(seen).toMatchObject([
      { sql: "SELECT 1 UNION SELECT 2", rows: 2, durationMs: expect.any(Number) },
      { sql: "SELEC", rows: 0, error },
    ]);
  });

  test("a query event says how long it waited for its thread and ran there, while somebody listens", async () => {
    const pool = await open();
    const seen: PoolEvents["query"][] = [];
    const off = pool.on("query", (event) => seen.push(event));
    const rows = await pool.query(
      "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 9) SELECT i, 'x' FROM n",
    );
    await pool.queryFirst("SELECT 1.5 AS a, NULL AS b, x'00ff' AS c");
    await pool.execute("CREATE TABLE t (a)");
    for await (const _ of pool.iterate("SELECT 1 UNION SELECT 2", [], { chunkSize: 1 }));
    expect(rows).toHaveLength(9);
    expect(seen.length).toBeGreaterThan(4);
    for (const { queuedMs = -1, ranMs = -1 } of seen) {
      expect(queuedMs).toBeGreaterThanOrEqual(0);
      expect(ranMs).toBeGreaterThanOrEqual(0);
    }
    off();
    expect(await pool.queryFirst("SELECT 1 AS a")).toEqual({ a: 1 });
    expect(seen.at(-1)?.sql).toContain("UNION");
  });

  severally("a writer's wait for its turn counts as waiting for a connection", async () => {
    const pool = await open({ maxConnections: 3 });
    const waits: number[] = [];
    const first = gate();
    const writing = pool.write(() => first.promise);
    const second = pool.write(() => {});
    expect(pool.waitingCount).toBe(1);
    const since = performance.now();
    await pool.query("SELECT 1");
    pool.on("acquire", ({ waitMs }) => waits.push(waitMs));
    while (performance.now() === since);
    first.open();
    await Promise.all([writing, second]);
    expect(waits).toHaveLength(1);
    expect(waits[0]).toBeGreaterThan(0);
  });

  severally("connections() tells of every open connection what it does", async () => {
    const pool = await open({ maxConnections: 3 });
    const [{ connection = 0 } = {}] = pool.connections();
    const db = await pool.acquire();
    expect(db.id).toBe(connection);
    await db.execute("BEGIN");
    const other = await pool.acquire();
    expect(pool.connections()).toMatchObject([
      { connection: db.id, lentMs: expect.any(Number), sql: undefined, inTransaction: true },
      { connection: other.id, lentMs: expect.any(Number), inTransaction: false },
    ]);
    const [first] = pool.connections();
    if (threads === 0) expect(first?.thread).toBe(0);
    else expect(first?.thread).toBeGreaterThan(0);
    await db.execute("COMMIT");
    await db.release();
    await other.release();
    expect(pool.connections().map(({ lentMs }) => lentMs)).toEqual([undefined, undefined]);
  });

  test("connections() has the statement that a connection runs", async () => {
    const pool = await open();
    const db = await pool.acquire();
    const running = db.query("SELECT 1");
    // In the calling thread it has ended by now.
    expect(pool.connections()[0]?.sql).toBe(threads === 0 ? undefined : "SELECT 1");
    await running;
    expect(pool.connections()[0]?.sql).toBeUndefined();
    await db.release();
  });

  test("stats() has the length of the log, and how much of it is in the database", async ({
    skip,
  }) => {
    const pool = await open();
    await pool.execute("CREATE TABLE t (a)");
    const before = pool.stats().log;
    skip(
      before === undefined && storage !== "file",
      "the log's length is in another thread's memory",
    );
    expect(before?.frames).toBeGreaterThan(0);
    expect(before?.checkpointed).toBe(0);
    await pool.checkpoint("passive");
    const after = pool.stats().log;
    expect(after?.checkpointed).toBe(after?.frames);
    await pool.checkpoint("truncate");
    await pool.execute("INSERT INTO t VALUES (1)");
    expect(pool.stats().log?.frames).toBeLessThan(before?.frames ?? 0);
  });

  test("stats() has no log where the journal mode has none", async () => {
    const pool = await open({ journalMode: "memory" });
    await pool.execute("CREATE TABLE t (a)");
    expect(pool.stats().log).toBeUndefined();
  });

  test("a pool's own health check is degraded under saturation, unhealthy once closed", async () => {
    const pool = await open({ maxConnections: 1 });
    const monitor = new HealthMonitor();
    monitor.register(poolHealthCheck(pool));
    expect((await monitor.checkHealth()).status).toBe("healthy");
    const db = await pool.acquire();
    const waiting = pool.acquire();
    const report = monitor.checkHealth();
    await new Promise((resolve) => setTimeout(resolve));
    await db.release();
    await (await waiting).release();
    expect((await report).status).toBe("degraded");
    await pool.close();
    expect((await monitor.checkHealth()).status).toBe("unhealthy");
  });
});
