// suspend() and resume() while connections are out, in every order.

import type { ConnectionPool } from "sqlite-wasm-pool";
import { expect, test } from "vitest";
import { gate, inUsualPlaces, rejection } from "../helpers/kinds.ts";

await inUsualPlaces(({ open }) => {
  test("suspend() lets go of everything, and resume() goes on", async () => {
    const pool = await open({ maxConnections: 2 });
    await pool.execute("CREATE TABLE t (a)");
    await pool.suspend();
    expect([pool.totalCount, pool.activeCount, pool.idleCount]).toEqual([0, 0, 0]);
    const later = pool.execute("INSERT INTO t VALUES (1)");
    expect(pool.totalCount).toBe(0);
    await pool.resume();
    await later;
    expect(await pool.queryValue("SELECT count(*) FROM t")).toBe(1);
  });

  test("resume() ends a suspend() that waits for borrowers, and their connections go on", async () => {
    const pool = await open({ maxConnections: 2 });
    const db = await pool.acquire();
    const suspended = pool.suspend();
    const waiting = pool.queryValue("SELECT 1");
    await pool.resume();
    await suspended;
    if (pool.capabilities.severalConnections) expect(await waiting).toBe(1);
    expect(await db.queryValue("SELECT 2")).toBe(2);
    await db.release();
    expect(await waiting).toBe(1);
    expect(pool.stats()).toMatchObject({ active: 0, replaced: 0, closed: 0 });
  });

  test("of several suspend() and resume() in a row the last one counts", async () => {
    const pool = await open({ maxConnections: 2 });
    await pool.execute("CREATE TABLE t (a)");
    const calls = [pool.suspend(), pool.suspend(), pool.resume(), pool.suspend(), pool.resume()];
    await Promise.all([...calls, pool.suspend()]);
    expect(pool.totalCount).toBe(0);
    const waiting = pool.execute("INSERT INTO t VALUES (1)");
    await Promise.all([pool.resume(), pool.suspend(), pool.resume(), pool.resume()]);
    await waiting;
    expect(await pool.queryValue("SELECT count(*) FROM t")).toBe(1);
  });

  test("close() ends a pool that is suspended, or about to be", async () => {
    const pool = await open({ maxConnections: 1 });
    const db = await pool.acquire();
    const suspended = pool.suspend();
    const waiting = rejection(pool.query("SELECT 1"));
    await pool.close({ timeout: 0 });
    await suspended;
    await pool.resume();
    expect(db.isOpen).toBe(false);
    expect(await waiting).toMatchObject({ code: "POOL_CLOSED" });
    expect(await rejection(pool.suspend())).toMatchObject({ code: "POOL_CLOSED" });
  });

  test("no call fails while a pool is suspended and resumed again and again", async () => {
    const pool = await open({ maxConnections: 3 });
    await pool.execute("CREATE TABLE t (n)");
    let going = true;
    let calls = 0;
    const borrowers = [
      borrowing(() => pool.execute("INSERT INTO t VALUES (1)")),
      borrowing(() => pool.queryValue("SELECT count(*) FROM t")),
      borrowing(() => pool.write((db) => db.execute("INSERT INTO t VALUES (1)"))),
      borrowing(() => holdFor(pool, 3)),
      borrowing(() => holdFor(pool, 8)),
    ];
    async function borrowing(call: () => Promise<unknown>) {
      try {
        while (going) {
          await call();
          calls++;
          // Where SQLite runs in this thread, nobody else would have a turn.
          await pause(0);
        }
      } finally {
        going = false;
      }
    }
    const ended = Promise.all(borrowers);
    ended.catch(() => {});
    for (let round = 0; round < 6; round++) {
      const suspended = pool.suspend();
      // While it waits for borrowers, as it lets go of threads, and after that.
      if (round % 3 === 1) await pause(round % 2);
      if (round % 3 === 2) await suspended;
      await pool.resume();
      await suspended;
      const before = calls;
      while (going && calls < before + 3) await pause(1);
    }
    going = false;
    await ended;
    expect(pool.stats()).toMatchObject({ errors: 0, replaced: 0, active: 0 });
  });
});

/** Holds a connection over several statements that are some time apart. */
async function holdFor(pool: ConnectionPool, statements: number): Promise<void> {
  await pool.withConnection(async (db) => {
    for (let i = 0; i < statements; i++) {
      expect(await db.queryValue("SELECT 1")).toBe(1);
      await pause(1);
    }
  });
}

function pause(ms: number): Promise<void> {
  const { promise, open } = gate();
  setTimeout(open, ms);
  return promise;
}
