import {
  AcquireTimeoutError,
  type Connection,
  type ConnectionPool,
  ConnectionReleasedError,
  PoolClosedError,
  PoolExhaustedError,
} from "sqlite-wasm-pool";
import { expect, test, vi } from "vitest";
import { FOREVER } from "../helpers/forever.ts";
import { gate, inUsualPlaces, rejection } from "../helpers/kinds.ts";
import { followsAsyncCalls } from "../helpers/promises.ts";

await inUsualPlaces(({ open, path, capabilities }) => {
  const severally = test.runIf(capabilities.severalConnections);

  severally(
    "a pool starts with one connection and opens more on demand, up to the maximum",
    async () => {
      const pool = await open({ maxConnections: 3 });
      expect(counts(pool)).toEqual({ active: 0, idle: 1, total: 1, waiting: 0 });
      const leases = [await pool.acquire(), await pool.acquire(), await pool.acquire()];
      expect(counts(pool)).toEqual({ active: 3, idle: 0, total: 3, waiting: 0 });
      const fourth = pool.acquire();
      expect(pool.waitingCount).toBe(1);
      await leases[0]?.release();
      leases[0] = await fourth;
      expect(counts(pool)).toEqual({ active: 3, idle: 0, total: 3, waiting: 0 });
      for (const db of leases) await pool.release(db);
      expect(counts(pool)).toEqual({ active: 0, idle: 3, total: 3, waiting: 0 });
    },
  );

  test("withConnection() takes the connection back when its callback throws", async () => {
    const pool = await open({ maxConnections: 1 });
    const failure = new Error("mine");
    const failing = pool.withConnection(() => {
      throw failure;
    });
    expect(await rejection(failing)).toBe(failure);
    expect(pool.activeCount).toBe(0);
    expect(await pool.withConnection((db) => db.queryValue("SELECT 42"))).toBe(42);
  });

  severally("idle connections are lent last in, first out", async () => {
    const pool = await open({ maxConnections: 2 });
    const first = await pool.acquire();
    const second = await pool.acquire();
    await first.release();
    await second.release();
    const again = await pool.acquire();
    expect(again.id).toBe(second.id);
  });

  test.runIf(capabilities.parallelReads && capabilities.interrupt)(
    "who borrows a connection waits for no statement of another one while a thread is free",
    async () => {
      const pool = await open({ maxConnections: 4, threads: 2 });
      const [writer, ...others] = await Promise.all([1, 2, 3, 4].map(() => pool.acquire()));
      const running = rejection(writer?.query(FOREVER));
      const threadOf = ({ id }: Connection) =>
        pool.connections().find(({ connection }) => connection === id)?.thread;
      const beside = others.filter((db) => threadOf(db) === threadOf(writer as Connection));
      const elsewhere = others.filter((db) => !beside.includes(db));
      expect([beside.length, elsewhere.length]).toEqual([1, 2]);
      // The one in the writer's thread comes back last, and would be lent first.
      for (const db of [...elsewhere, ...beside]) await db.release();
      for (let i = 0; i < 3; i++) expect(await pool.queryValue("SELECT 42")).toBe(42);
      expect(pool.totalCount).toBe(4);
      // With all others of the free thread out, a further one is opened there.
      const held = await Promise.all(elsewhere.map(() => pool.acquire()));
      expect(held.map(({ id }) => id).sort()).toEqual(elsewhere.map(({ id }) => id).sort());
      pool.resize(5);
      expect(await pool.queryValue("SELECT 42")).toBe(42);
      expect([pool.idleCount, pool.totalCount]).toEqual([2, 5]);
      writer?.interrupt();
      expect(await running).toMatchObject({ code: "SQLITE_INTERRUPT" });
    },
  );

  test("waiters are served in the order they came", async () => {
    const pool = await open({ maxConnections: 1 });
    const held = await pool.acquire();
    const order: number[] = [];
    const all = [1, 2, 3, 4].map((n) => pool.withConnection(() => void order.push(n)));
    await held.release();
    await Promise.all(all);
    expect(order).toEqual([1, 2, 3, 4]);
  });

  test("a waiter that times out is told who holds the connections, and loses no permit", async () => {
    const pool = await open({ maxConnections: 1, acquireTimeout: 20 });
    const held = await pool.acquire();
    const error = await rejection(pool.acquire());
    expect(error).toBeInstanceOf(AcquireTimeoutError);
    expect(error).toMatchObject({ code: "ACQUIRE_TIMEOUT", reason: "timeout" });
    expect((error as AcquireTimeoutError).leases).toMatchObject([{ connection: held.id }]);
    expect(pool.waitingCount).toBe(0);
    await held.release();
    expect(await pool.queryValue("SELECT 1")).toBe(1);
    expect(pool.stats()).toMatchObject({ timedOut: 1, active: 0 });
  });

  severally("acquire({ timeout: 0 }) tries once, and may open a connection", async () => {
    const pool = await open({ maxConnections: 2 });
    const first = await pool.acquire({ timeout: 0 });
    const second = await pool.acquire({ timeout: 0 });
    expect(await rejection(pool.acquire({ timeout: 0 }))).toBeInstanceOf(AcquireTimeoutError);
    await first.release();
    await second.release();
  });

  test("an aborted waiter gets its signal's reason, and loses no permit", async () => {
    const pool = await open({ maxConnections: 1 });
    const held = await pool.acquire();
    const controller = new AbortController();
    const reason = new Error("changed my mind");
    const waiting = pool.acquire({ signal: controller.signal });
    const next = pool.acquire();
    controller.abort(reason);
    expect(await rejection(waiting)).toBe(reason);
    expect(await rejection(pool.acquire({ signal: controller.signal }))).toBe(reason);
    await held.release();
    await (await next).release();
    expect(counts(pool)).toEqual({ active: 0, idle: 1, total: 1, waiting: 0 });
    expect(pool.stats().aborted).toBe(2);
  });

  test("one signal may be given to many calls", async () => {
    const pool = await open({ maxConnections: 1 });
    const { signal } = new AbortController();
    const added = vi.spyOn(signal, "addEventListener");
    const removed = vi.spyOn(signal, "removeEventListener");
    await Promise.all(Array.from({ length: 30 }, () => pool.query("SELECT 1", [], { signal })));
    const most = added.mock.calls.length;
    expect(removed.mock.calls.length).toBe(most);
    const held = await pool.acquire();
    added.mockClear();
    const waiting = Array.from({ length: 30 }, () => pool.acquire({ signal }));
    expect(added.mock.calls.length).toBe(1);
    await held.release();
    for (const each of waiting) await (await each).release();
  });

  test("one waiter too many is refused at once", async () => {
    const pool = await open({ maxConnections: 1, maxWaiters: 1 });
    const held = await pool.acquire();
    const waiting = pool.acquire();
    const error = await rejection(pool.acquire());
    expect(error).toBeInstanceOf(PoolExhaustedError);
    expect(error.code).toBe("POOL_EXHAUSTED");
    await held.release();
    await (await waiting).release();
    expect(pool.stats().rejected).toBe(1);
  });

  test("a released connection refuses to be used or released again", async () => {
    const pool = await open();
    const db = await pool.acquire();
    await db.release();
    expect(db.isOpen).toBe(false);
    expect(await rejection(db.query("SELECT 1"))).toBeInstanceOf(ConnectionReleasedError);
    expect(await rejection(db.release())).toBeInstanceOf(ConnectionReleasedError);
    expect(await rejection(pool.release(db))).toBeInstanceOf(ConnectionReleasedError);
    expect(pool.idleCount).toBe(1);
  });

  test("a stale connection cannot reach the next borrower's", async () => {
    const pool = await open({ maxConnections: 1 });
    const stale = await pool.acquire();
    await stale.release();
    const fresh = await pool.acquire();
    expect(fresh.id).toBe(stale.id);
    expect(await rejection(stale.query("SELECT 1"))).toBeInstanceOf(ConnectionReleasedError);
    stale.interrupt();
    expect(await fresh.queryValue("SELECT 1")).toBe(1);
  });

  test("releasing a foreign connection is a TypeError, and leaves it as it was", async () => {
    const pool = await open();
    const other = await open({}, "other");
    const db = await other.acquire();
    expect(await rejection(pool.release(db))).toBeInstanceOf(TypeError);
    expect(await rejection(pool.release({} as Connection))).toBeInstanceOf(TypeError);
    expect(await db.queryValue("SELECT 1")).toBe(1);
    await db.release();
  });

  test("`await using` gives the connection back, and allows a release by hand", async () => {
    const pool = await open({ maxConnections: 1 });
    {
      await using db = await pool.acquire();
      expect(await db.queryValue("SELECT 1")).toBe(1);
    }
    {
      await using db = await pool.acquire();
      await db.release();
    }
    expect(pool.activeCount).toBe(0);
  });

  test("a writer waits for its turn no longer than its own timeout, and an aborted one is counted", async () => {
    const pool = await open({ maxConnections: 2 });
    const [begun, over] = [gate(), gate()];
    const writing = pool.write(async () => {
      begun.open();
      await over.promise;
    });
    await begun.promise;
    const error = await rejection(pool.write(() => 1, { timeout: 10 }));
    expect(error).toBeInstanceOf(AcquireTimeoutError);
    expect(error.message).toMatch(/no turn to write within .* raise the timeout/);
    expect((error as AcquireTimeoutError).leases).toHaveLength(1);
    expect(await rejection(pool.write(() => 1, { timeout: 0 }))).toMatchObject({
      reason: "timeout",
    });
    expect(await rejection(pool.write(() => 1, { timeout: -1 }))).toBeInstanceOf(RangeError);
    const controller = new AbortController();
    const aborted = rejection(pool.write(() => 1, { signal: controller.signal }));
    const reason = new Error("changed my mind");
    controller.abort(reason);
    expect(await aborted).toBe(reason);
    expect(pool.stats()).toMatchObject({ timedOut: 2, aborted: 1, waiting: 0 });
    over.open();
    await writing;
    expect(await pool.write(() => "next")).toBe("next");
  });

  test("who waits in vain for a pool that is suspended hears that it is", async () => {
    const pool = await open({ maxConnections: 1 });
    await pool.suspend();
    const error = await rejection(pool.acquire({ timeout: 5 }));
    expect(error.message).toContain("it is suspended: resume it");
    await pool.resume();
  });

  test("a nested acquire that could never be served is refused at once", async () => {
    const pool = await open({ maxConnections: 1, acquireTimeout: 20, busyTimeout: 20 });
    // Where async calls cannot be followed, it is a waiter like any other.
    const { asyncContext } = pool.capabilities;
    const reason = asyncContext ? "nested" : "timeout";
    const nested = pool.withConnection(() => pool.query("SELECT 1"));
    const error = await rejection(nested);
    expect(error).toBeInstanceOf(AcquireTimeoutError);
    expect(error).toMatchObject({ reason });
    const writing = pool.write(() => pool.execute("CREATE TABLE t (a)"));
    expect(await rejection(writing)).toMatchObject(
      asyncContext ? { reason } : { code: "SQLITE_BUSY" },
    );
    const reading = pool.read(() => pool.withConnection(() => 1));
    expect(await rejection(reading)).toMatchObject({ reason });
    expect(pool.activeCount).toBe(0);
  });

  severally("a nested acquire that can be served is served", async () => {
    const pool = await open({ maxConnections: 2 });
    const sum = pool.withConnection(async (db) => {
      const inner = await pool.queryValue<number>("SELECT 1");
      return Number(await db.queryValue("SELECT 2")) + Number(inner);
    });
    expect(await sum).toBe(3);
  });

  severally("a failed opening is the error of its waiter alone", async () => {
    let failing = false;
    const pool = await open({
      maxConnections: 2,
      onConnect: async () => {
        if (failing) throw new Error("no more today");
      },
    });
    const held = await pool.acquire();
    failing = true;
    expect((await rejection(pool.acquire())).message).toBe("no more today");
    expect(pool.totalCount).toBe(1);
    failing = false;
    const second = await pool.acquire();
    expect(pool.totalCount).toBe(2);
    await second.release();
    await held.release();
  });

  severally("resize() grows on demand and shrinks as connections come back", async () => {
    const pool = await open({ maxConnections: 1 });
    const first = await pool.acquire();
    const waiting = pool.acquire();
    pool.resize(3);
    const second = await waiting;
    const third = await pool.acquire();
    pool.resize(1);
    expect(pool.totalCount).toBe(3);
    await first.release();
    await second.release();
    expect(pool.totalCount).toBe(1);
    await third.release();
    expect(counts(pool)).toEqual({ active: 0, idle: 1, total: 1, waiting: 0 });
    expect(() => pool.resize(0)).toThrow(RangeError);
  });

  test.runIf(capabilities.parallelReads)("resize() uses the threads there may be", async () => {
    const pool = await open({ maxConnections: 1, threads: 2 });
    pool.resize(2);
    const leases = [await pool.acquire(), await pool.acquire()];
    expect(pool.stats().threads).toBe(2);
    for (const db of leases) await db.release();
  });

  test.runIf(capabilities.parallelReads)(
    "connections that are replaced start no further threads",
    async () => {
      const pool = await open({ maxConnections: 1, threads: 3, maxLifetime: 0 });
      const threads = new Set<number | undefined>();
      while (pool.stats().replaced < 5) {
        const db = await pool.acquire();
        threads.add(pool.connections()[0]?.thread);
        await db.query("SELECT 1");
        await db.release();
      }
      expect(threads).toEqual(new Set([1]));
      expect(pool.stats().threads).toBe(1);
    },
  );

  severally("evictIdle() closes idle connections beyond the first", async () => {
    const pool = await open({ maxConnections: 3 });
    const leases = await Promise.all([pool.acquire(), pool.acquire(), pool.acquire()]);
    for (const db of leases) await db.release();
    expect(pool.totalCount).toBe(3);
    pool.evictIdle();
    expect(pool.totalCount).toBe(1);
    expect(await pool.queryValue("SELECT 1")).toBe(1);
  });

  severally("idleTimeout closes idle connections beyond the first", async () => {
    const pool = await open({ maxConnections: 3, idleTimeout: 5 });
    const closed = gate();
    let left = 2;
    pool.on("close", () => {
      if (--left === 0) closed.open();
    });
    const leases = await Promise.all([pool.acquire(), pool.acquire(), pool.acquire()]);
    for (const db of leases) await db.release();
    await closed.promise;
    expect(pool.totalCount).toBe(1);
  });

  test("maxLifetime replaces a connection that comes back too old", async () => {
    const pool = await open({ maxConnections: 1, maxLifetime: 0 });
    const replaced: string[] = [];
    pool.on("replace", ({ reason }) => replaced.push(reason));
    const first = await pool.withConnection(async (db) => {
      await new Promise((resolve) => setTimeout(resolve, 2));
      return db.id;
    });
    expect(await pool.withConnection((db) => db.id)).not.toBe(first);
    expect(replaced[0]).toBe("maxLifetime");
  });

  test("a leak is reported once, with the stack of its acquire", async () => {
    const pool = await open({ leakThreshold: 5 });
    const leak = gate<{ connection: number; stack: string }>();
    pool.on("leak", leak.open);
    async function whoForgets() {
      return pool.acquire();
    }
    const db = await whoForgets();
    const report = await leak.promise;
    expect(report.connection).toBe(db.id);
    expect(report.stack).toContain("whoForgets");
    expect(pool.stats().leaked).toBe(1);
    await db.release();
  });

  test("a leak of a call that writes has the stack of that call", async () => {
    const pool = await open({ leakThreshold: 1 });
    await pool.execute("CREATE TABLE t (a)");
    const leak = gate<{ stack: string }>();
    pool.on("leak", leak.open);
    const end = gate<void>();
    async function whoWrites() {
      await pool.write(() => end.promise);
    }
    const writing = whoWrites();
    expect((await leak.promise).stack).toContain("whoWrites");
    end.open();
    await writing;
  });

  test("a call whose signal is aborted hears of that, and not of what it would have waited for", async () => {
    const pool = await open({ maxConnections: 1 });
    const signal = AbortSignal.abort(new Error("mine"));
    const inner = pool.withConnection(() => pool.query("SELECT 1", [], { signal }));
    expect(await rejection(inner)).toBe(signal.reason);
    const inWrite = pool.write(() => pool.write(() => 1, { signal }));
    expect(await rejection(inWrite)).toBe(signal.reason);
  });

  test("a leak has the stack of its acquire, even if that had to wait", async () => {
    const pool = await open({ maxConnections: 1, leakThreshold: 5 });
    const first = await pool.acquire();
    async function whoWaits() {
      return pool.acquire();
    }
    const waiting = whoWaits();
    await first.release();
    const leak = gate<{ connection: number; stack: string }>();
    pool.on("leak", leak.open);
    const db = await waiting;
    expect((await leak.promise).stack).toContain("whoWaits");
    await db.release();
  });

  test("close() refuses waiters and newcomers, and waits for borrowers", async () => {
    const pool = await open({ maxConnections: 1 });
    const db = await pool.acquire();
    const waiting = rejection(pool.acquire());
    const closing = pool.close();
    expect(await waiting).toBeInstanceOf(PoolClosedError);
    expect(await rejection(pool.acquire())).toBeInstanceOf(PoolClosedError);
    expect(await rejection(pool.execute("SELECT 1"))).toMatchObject({ code: "POOL_CLOSED" });
    expect(await db.queryValue("SELECT 1")).toBe(1);
    await db.release();
    await closing;
    await pool.close();
    expect(counts(pool)).toEqual({ active: 0, idle: 0, total: 0, waiting: 0 });
  });

  test("close() refuses writers in the queue while the one before them goes on", async () => {
    const pool = await open({ maxConnections: 2 });
    const [begun, written] = [gate(), gate()];
    const writing = pool.write(async (db) => {
      begun.open();
      await written.promise;
      await db.execute("CREATE TABLE t (a)");
      return "done";
    });
    await begun.promise;
    const queued = [rejection(pool.write(() => 1)), rejection(pool.execute("CREATE TABLE u (a)"))];
    const closing = pool.close();
    for (const refused of queued) expect(await refused).toBeInstanceOf(PoolClosedError);
    written.open();
    expect(await writing).toBe("done");
    await closing;
  });

  test("close({ timeout }) takes back what is still out", async () => {
    const pool = await open();
    const db = await pool.acquire();
    await pool.close({ timeout: 1 });
    expect(db.isOpen).toBe(false);
    expect(await rejection(db.query("SELECT 1"))).toBeInstanceOf(ConnectionReleasedError);
  });

  test("a further close() may wait for less than the first one", async () => {
    const pool = await open();
    const db = await pool.acquire();
    const patient = pool.close({ timeout: Number.POSITIVE_INFINITY });
    await Promise.all(
      [0, 60_000, Number.POSITIVE_INFINITY].map((timeout) => pool.close({ timeout })),
    );
    await patient;
    expect(db.isOpen).toBe(false);
  });

  test("a further close() gives the same promise, and each who is refused has an error of its own", async () => {
    const pool = await open({ maxConnections: 1 });
    const db = await pool.acquire();
    const waiting = [rejection(pool.acquire()), rejection(pool.acquire())];
    const closing = pool.close();
    expect(pool.close()).toBe(closing);
    const refused = [...(await Promise.all(waiting)), await rejection(pool.acquire())];
    for (const error of refused) expect(error).toBeInstanceOf(PoolClosedError);
    expect(new Set(refused).size).toBe(3);
    await db.release();
    await closing;
    expect(await rejection(pool.close({ timeout: -1 }))).toBeInstanceOf(RangeError);
  });

  test("an error of a wait shows who waited", async () => {
    const pool = await open({ maxConnections: 1 });
    const db = await pool.acquire();
    async function whoWaits() {
      await pool.withConnection(() => {}, { timeout: 1 });
    }
    const error = await rejection(whoWaits());
    expect(error).toBeInstanceOf(AcquireTimeoutError);
    if (await followsAsyncCalls()) expect(error.stack).toContain("whoWaits");
    await db.release();
  });

  test("a call whose connection close() has taken back says that the pool is closed", async () => {
    const pool = await open();
    const lent = gate<Connection>();
    const go = gate<void>();
    const calls = [pool.write, pool.transaction, pool.withConnection].map((call) => {
      const body = async (db: Connection) => {
        lent.open(db);
        await go.promise;
        await db.query("SELECT 1");
      };
      return rejection(call.call(pool, body) as Promise<unknown>);
    });
    await lent.promise;
    await pool.close({ timeout: 0 });
    go.open();
    for (const error of await Promise.all(calls)) expect(error).toBeInstanceOf(PoolClosedError);
  });

  test("a writer that still waits for the lock when close() interrupts it hears that the pool is closed", async () => {
    const pool = await open({ maxConnections: 2 });
    const holder = await pool.acquire();
    await holder.execute("BEGIN IMMEDIATE");
    const lent = new Promise<void>((resolve) => {
      // Where there is no second connection, it waits for the first.
      for (const event of ["acquire", "wait"] as const) pool.on(event, () => resolve());
    });
    const written = rejection(pool.write(() => "written"));
    await lent;
    // Its BEGIN is sent in the same turn of the event loop.
    await new Promise((resolve) => setTimeout(resolve));
    await pool.close({ timeout: 0 });
    expect(await written).toBeInstanceOf(PoolClosedError);
  });

  severally.each([
    ["executeScript()", (pool: ConnectionPool) => pool.executeScript("CREATE TABLE never (a)")],
    ["checkpoint()", (pool: ConnectionPool) => pool.checkpoint("full")],
  ])(
    "%s that close() interrupts as it waits for the lock says that the pool is closed",
    async (_, call) => {
      const pool = await open({ maxConnections: 2, busyTimeout: Number.POSITIVE_INFINITY });
      await pool.execute("CREATE TABLE t (a)");
      const holder = await pool.acquire();
      await holder.execute("BEGIN IMMEDIATE");
      const called = rejection(call(pool));
      while (pool.stats().busy === 0) await new Promise((resolve) => setTimeout(resolve));
      await pool.close({ timeout: 0 });
      expect(await called).toBeInstanceOf(PoolClosedError);
    },
  );

  test.runIf(capabilities.attachStored)(
    "a backup that close() ends says that the pool is closed",
    async () => {
      const pool = await open();
      await pool.executeScript("CREATE TABLE t (a); INSERT INTO t VALUES (randomblob(4000000))");
      let closing: Promise<void> | undefined;
      const copied = pool.backup(path("unfinished.db"), {
        pages: 1,
        onProgress: () => {
          closing ??= pool.close({ timeout: 0 });
        },
      });
      expect(await rejection(copied)).toBeInstanceOf(PoolClosedError);
      await closing;
    },
  );

  test("an onConnect that never ends keeps no opening from being aborted", async () => {
    const controller = new AbortController();
    const reason = new Error("changed my mind");
    const opening = open({
      signal: controller.signal,
      onConnect: () => {
        controller.abort(reason);
        return new Promise(() => {});
      },
    });
    expect(await rejection(opening)).toBe(reason);
  });

  severally("an onConnect that never ends does not keep close() from ending", async () => {
    const stuck = gate();
    let connections = 0;
    const pool = await open({
      maxConnections: 2,
      onConnect: () => {
        if (++connections === 1) return;
        stuck.open();
        return new Promise(() => {});
      },
    });
    const db = await pool.acquire();
    const waiting = pool.acquire();
    await stuck.promise;
    await db.release();
    await (await waiting).release();
    await pool.close({ timeout: 0 });
    expect(pool.totalCount).toBe(0);
  });

  severally("a connection that nobody waited for in the end is idle like any other", async () => {
    const opening = gate();
    let connections = 0;
    const controller = new AbortController();
    const pool = await open({
      maxConnections: 2,
      idleTimeout: 1,
      onConnect: async () => {
        if (++connections === 1) return;
        controller.abort(new Error("changed my mind"));
        await opening.promise;
      },
    });
    const closed = gate<{ reason: string }>();
    pool.on("close", closed.open);
    const held = await pool.acquire();
    expect(await rejection(pool.acquire({ signal: controller.signal }))).toBe(
      controller.signal.reason,
    );
    opening.open();
    expect((await closed.promise).reason).toBe("idle");
    expect(pool.totalCount).toBe(1);
    await held.release();
  });

  test("a leakThreshold that is too long for a timer reports nothing", async () => {
    const pool = await open({ leakThreshold: 2 ** 31 });
    const db = await pool.acquire();
    await new Promise((resolve) => setTimeout(resolve, 5));
    await db.release();
    expect(pool.stats().leaked).toBe(0);
  });

  test.each([Number.NaN, -1, "1" as never])(
    "close({ timeout: %s }) is refused",
    async (timeout) => {
      const pool = await open();
      const error = await rejection(pool.close({ timeout }));
      expect(error.message).toMatch(/timeout must be/);
      expect(await pool.queryValue("SELECT 1")).toBe(1);
    },
  );

  test("an onConnect that leaves a transaction open is an error", async () => {
    const opening = open({ onConnect: async (db) => void (await db.execute("BEGIN")) });
    expect((await rejection(opening)).message).toMatch(/onConnect left a transaction open/);
  });

  severally("a connection that cannot be set up anew lets go of what it has locked", async () => {
    const faults = [
      (db: Connection) => db.execute("BEGIN IMMEDIATE"),
      async (db: Connection) => {
        await db.execute("BEGIN IMMEDIATE");
        throw new Error("not today");
      },
      (db: Connection) => db.executeScript("BEGIN; SELECT * FROM t"),
    ];
    let fault: ((db: Connection) => Promise<unknown>) | undefined;
    const pool = await open({
      maxConnections: 1,
      busyTimeout: 0,
      onConnect: async (db) => {
        const now = fault;
        fault = undefined;
        await now?.(db);
      },
    });
    await pool.execute("CREATE TABLE t (a)");
    for (const next of faults) {
      const db = await pool.acquire();
      await db.execute("PRAGMA cache_size = 100");
      fault = next;
      await db.release();
      await pool.execute("INSERT INTO t VALUES (1)");
      expect(await pool.checkpoint("truncate")).toMatchObject({ busy: false });
    }
    expect(pool.stats().replaced).toBe(3);
  });

  test("`await using` closes the pool", async () => {
    const pool = await open();
    {
      await using scoped = pool;
      expect(scoped.totalCount).toBe(1);
    }
    expect(await rejection(pool.acquire())).toBeInstanceOf(PoolClosedError);
  });

  severally("onConnect runs once on every new connection, replacements included", async () => {
    const seen: number[] = [];
    const pool = await open({
      maxConnections: 2,
      onConnect: async (db) => {
        seen.push(db.id);
        await db.execute("CREATE TEMP TABLE mine (a)");
      },
    });
    const [a, b] = await Promise.all([pool.acquire(), pool.acquire()]);
    expect(new Set(seen)).toEqual(new Set([a.id, b.id]));
    await a.query("SELECT * FROM mine");
    await a.release();
    await b.release();
    expect(seen).toHaveLength(2);
    await pool.withConnection((db) => db.query("SELECT * FROM mine"));
  });
});

function counts(pool: {
  activeCount: number;
  idleCount: number;
  totalCount: number;
  waitingCount: number;
}) {
  return {
    active: pool.activeCount,
    idle: pool.idleCount,
    total: pool.totalCount,
    waiting: pool.waitingCount,
  };
}
