import { HealthMonitor, poolHealthCheck } from "sqlite-wasm-pool";
import { expect, test } from "vitest";
import { inEveryPlace, rejection } from "../helpers/kinds.ts";

inEveryPlace(({ open, threads, memory }) => {
  test("stats() is plain data that counts what the pool did", async () => {
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
      storage: memory ? "memory" : "file",
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

  test("a pool's own health check is degraded under saturation, unhealthy once closed", async () => {
    const pool = await open({ maxConnections: 1 });
    const monitor = new HealthMonitor();
    monitor.register(poolHealthCheck(pool));
    expect((await monitor.checkHealth()).status).toBe("healthy");
    const db = await pool.acquire();
    const waiting = pool.acquire();
    const report = monitor.checkHealth();
    await new Promise((resolve) => setImmediate(resolve));
    await db.release();
    await (await waiting).release();
    expect((await report).status).toBe("degraded");
    await pool.close();
    expect((await monitor.checkHealth()).status).toBe("unhealthy");
  });
});
