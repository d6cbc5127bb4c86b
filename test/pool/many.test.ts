// executeMany with more entries than go to the thread in one request.

import type { Connection, ConnectionPool } from "sqlite-wasm-pool";
import { expect, test } from "vitest";
import { inUsualPlaces, rejection } from "../helpers/kinds.ts";

const INSERT = "INSERT INTO t VALUES (?)";
const COUNT = "SELECT count(*) FROM t";
const entries = (count: number) => Array.from({ length: count }, (_, i) => [i]);

await inUsualPlaces(({ open, capabilities, threads }) => {
  const severally = test.runIf(capabilities.severalConnections && capabilities.wal && threads > 0);

  test("many entries are one transaction: all or nothing", async () => {
    const pool = await openWithTable(open);
    expect(await pool.executeMany(INSERT, entries(1_001))).toEqual({ changes: 1_001 });
    const failing = pool.executeMany(INSERT, [...entries(2_000).slice(1_001), [0]]);
    expect(await rejection(failing)).toMatchObject({ code: "SQLITE_CONSTRAINT_UNIQUE" });
    const wrong = pool.executeMany(INSERT, [...entries(2_000).slice(1_001), [1, 2]]);
    expect(await rejection(wrong)).toBeInstanceOf(TypeError);
    expect(await pool.queryValue(COUNT)).toBe(1_001);
    expect(pool.activeCount).toBe(0);
  });

  test.runIf(capabilities.severalConnections && capabilities.wal)(
    "entries are taken as they are at the call, also by one that waits for the write lock",
    async () => {
      const pool = await openWithTable(open, 2);
      const [holder, db] = [await pool.acquire(), await pool.acquire()];
      await holder.execute("BEGIN IMMEDIATE");
      const lists = entries(300);
      const waiting = db.executeMany(INSERT, lists);
      for (const list of lists) list[0] = -1;
      lists.length = 0;
      await holder.execute("COMMIT");
      expect(await waiting).toEqual({ changes: 300 });
      const later = entries(600).slice(300);
      const sent = db.executeMany(INSERT, later);
      for (const list of later) list[0] = -1;
      expect(await sent).toEqual({ changes: 300 });
      await Promise.all([holder.release(), db.release()]);
      expect(await pool.queryValue("SELECT sum(a) FROM t")).toBe((599 * 600) / 2);
    },
  );

  test("in a transaction, many entries that fail leave the rest of it", async () => {
    const pool = await openWithTable(open);
    await pool.write(async (db) => {
      await db.execute(INSERT, [-1]);
      await db.executeMany(INSERT, entries(600));
      await rejection(db.executeMany(INSERT, [...entries(1_200).slice(600), [-1]]));
      expect(db.inTransaction).toBe(true);
    });
    expect(await pool.queryValue(COUNT)).toBe(601);
  });

  test("what is sent to the same connection meanwhile comes after many entries", async () => {
    const pool = await openWithTable(open);
    await pool.withConnection(async (db) => {
      const failing = rejection(db.executeMany(INSERT, [...entries(1_000), [0]]));
      const own = db.execute(INSERT, [-1]);
      expect(await failing).toMatchObject({ code: "SQLITE_CONSTRAINT_UNIQUE" });
      await own;
      const [, count] = await Promise.all([
        db.executeMany(INSERT, entries(1_000)),
        db.queryValue(COUNT),
      ]);
      expect(count).toBe(1_001);
    });
  });

  severally("a reader in the same thread is served between many entries", async () => {
    const pool = await openWithTable(open, 3);
    const [writer, reader] = await twoOfOneThread(pool);
    let done = false;
    const writing = writer.executeMany(INSERT, entries(20_000)).finally(() => {
      done = true;
    });
    expect(await reader.queryValue(COUNT)).toBe(0);
    expect(done).toBe(false);
    expect(await writing).toEqual({ changes: 20_000 });
    expect(await reader.queryValue(COUNT)).toBe(20_000);
  });

  severally("interrupt() stops many entries between two of its requests, too", async () => {
    const pool = await openWithTable(open, 3);
    const [writer, reader] = await twoOfOneThread(pool);
    const writing = rejection(writer.executeMany(INSERT, entries(20_000)));
    await reader.queryValue(COUNT);
    writer.interrupt();
    expect(await writing).toMatchObject({ code: "SQLITE_INTERRUPT" });
    expect(writer.inTransaction).toBe(false);
    expect(await reader.queryValue(COUNT)).toBe(0);
  });

  severally("an abort stops many entries, and undoes what they did", async () => {
    const pool = await openWithTable(open, 3);
    const [writer, reader] = await twoOfOneThread(pool);
    const stop = new AbortController();
    const { signal } = stop;
    const writing = rejection(writer.executeMany(INSERT, entries(20_000), { signal }));
    await reader.queryValue(COUNT);
    const reason = new Error("enough");
    stop.abort(reason);
    expect(await writing).toBe(reason);
    expect(await reader.queryValue(COUNT)).toBe(0);
    await reader.execute(INSERT, [1]);
  });

  test("many entries are one statement to those who count", async () => {
    const pool = await openWithTable(open);
    const told: string[] = [];
    pool.on("query", ({ sql }) => told.push(sql));
    const { queries } = pool.stats();
    await pool.executeMany(INSERT, entries(1_000));
    expect(told).toEqual([INSERT]);
    expect(pool.stats().queries).toBe(queries + 1);
  });
});

async function openWithTable(
  open: (options: { maxConnections?: number }) => Promise<ConnectionPool>,
  maxConnections = 1,
): Promise<ConnectionPool> {
  const pool = await open({ maxConnections });
  await pool.execute("CREATE TABLE t (a UNIQUE)");
  return pool;
}

/** Borrows all connections, of which there are more than threads. */
async function twoOfOneThread(pool: ConnectionPool): Promise<[Connection, Connection]> {
  const all: Connection[] = [];
  while (all.length < pool.maxConnections) all.push(await pool.acquire());
  const threads = new Map(pool.connections().map(({ connection, thread }) => [connection, thread]));
  for (const one of all) {
    const other = all.find((each) => each !== one && threads.get(each.id) === threads.get(one.id));
    if (other !== undefined) return [one, other];
  }
  throw new Error("every connection has a thread of its own");
}
