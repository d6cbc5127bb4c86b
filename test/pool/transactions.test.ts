import {
  BusyError,
  type Connection,
  ConnectionReleasedError,
  PoolError,
  SqliteError,
} from "sqlite-wasm-pool";
import { expect, test, vi } from "vitest";
import { gate, inEveryPlace, rejection } from "../helpers/kinds.ts";

await inEveryPlace(({ open, shared, memory, capabilities }) => {
  const severally = test.runIf(capabilities.severalConnections);

  test("transaction() commits when its callback resolves, and rolls back when it throws", async () => {
    const pool = await shared();
    await pool.execute("CREATE TABLE t (a)");
    const result = await pool.transaction(async (db) => {
      expect(db.inTransaction).toBe(true);
      await db.execute("INSERT INTO t VALUES (1)");
      return "done";
    });
    expect(result).toBe("done");
    const failure = new Error("no");
    const failing = pool.transaction(async (db) => {
      await db.execute("INSERT INTO t VALUES (2)");
      throw failure;
    });
    expect(await rejection(failing)).toBe(failure);
    expect(await pool.queryValue("SELECT group_concat(a) FROM t")).toBe("1");
  });

  test("a transaction inside a transaction is a savepoint", async () => {
    const pool = await shared();
    await pool.execute("CREATE TABLE t (a)");
    await pool.transaction(async (db) => {
      await db.execute("INSERT INTO t VALUES (1)");
      const inner = db.transaction(async (same) => {
        expect(same).toBe(db);
        await db.execute("INSERT INTO t VALUES (2)");
        await db.transaction(() => db.execute("INSERT INTO t VALUES (3)"));
        throw new Error("inner");
      });
      await rejection(inner);
      await db.transaction(() => db.execute("INSERT INTO t VALUES (4)"));
    });
    expect(await pool.queryValue("SELECT group_concat(a) FROM t")).toBe("1,4");
  });

  test("the three modes begin as they say; another is a TypeError", async () => {
    const pool = await shared();
    await pool.execute("CREATE TABLE t (a)");
    for (const mode of ["deferred", "immediate", "exclusive"] as const) {
      await pool.transaction((db) => db.execute("INSERT INTO t VALUES (1)"), { mode });
    }
    expect(await pool.queryValue("SELECT count(*) FROM t")).toBe(3);
    const wrong = pool.transaction(() => 1, { mode: "now" as never });
    expect(await rejection(wrong)).toBeInstanceOf(TypeError);
    expect(await rejection(pool.transaction(undefined as never))).toBeInstanceOf(TypeError);
    expect(pool.activeCount).toBe(0);
  });

  test("an error that makes SQLite roll back by itself is the one reported", async () => {
    const pool = await open();
    await pool.execute("CREATE TABLE t (a UNIQUE ON CONFLICT ROLLBACK)");
    await pool.execute("INSERT INTO t VALUES (1)");
    const failing = pool.transaction((db) => db.execute("INSERT INTO t VALUES (1)"));
    expect(await rejection(failing)).toMatchObject({ code: "SQLITE_CONSTRAINT_UNIQUE" });
    expect(await pool.queryValue("SELECT count(*) FROM t")).toBe(1);
  });

  // What makes SQLite roll a whole transaction back by itself.
  const endings: Record<string, (db: Connection) => Promise<unknown>> = {
    "a conflict": (db) => db.execute("INSERT OR ROLLBACK INTO t VALUES (1)"),
    "a conflict in a batch": (db) => db.batch([{ sql: "INSERT OR ROLLBACK INTO t VALUES (1)" }]),
    "a conflict in a savepoint": (db) =>
      db.transaction(() => db.execute("INSERT OR ROLLBACK INTO t VALUES (1)")),
    "a statement that takes too long": (db) =>
      db.execute(
        `WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n)
         INSERT OR IGNORE INTO t SELECT 1 FROM n WHERE i < 0`,
        [],
        { timeout: 1 },
      ),
  };
  const ways: Record<string, (db: Connection) => Promise<unknown>> = {
    execute: (db) => db.execute("INSERT INTO t VALUES (3)"),
    executeMany: (db) => db.executeMany("INSERT INTO t VALUES (?)", [[3], [4]]),
    "executeMany, in pieces": (db) =>
      db.executeMany(
        "INSERT INTO t VALUES (?)",
        Array.from({ length: 600 }, (_, i) => [i + 10]),
      ),
    executeScript: (db) => db.executeScript("INSERT INTO t VALUES (3); INSERT INTO t VALUES (4)"),
    batch: (db) => db.batch([{ sql: "INSERT INTO t VALUES (3)" }]),
    transaction: (db) => db.transaction(() => db.execute("INSERT INTO t VALUES (3)")),
    iterate: async (db) => {
      for await (const _ of db.iterate("INSERT INTO t VALUES (3) RETURNING a"));
    },
  };
  for (const [ending, end] of Object.entries(endings)) {
    test(`once ${ending} has ended a transaction, nothing more runs in it`, async () => {
      const pool = await open();
      await pool.execute("CREATE TABLE t (a UNIQUE)");
      await pool.execute("INSERT INTO t VALUES (1)");
      for (const way of Object.values(ways)) {
        let first: unknown;
        const writing = pool.write(async (db) => {
          await db.execute("INSERT INTO t VALUES (2)");
          first = await rejection(end(db));
          expect(db.inTransaction).toBe(false);
          const refused = await rejection(way(db));
          expect(refused).toBeInstanceOf(SqliteError);
          expect(refused).toMatchObject({ code: "SQLITE_ABORT_ROLLBACK" });
          // What was sent already is not run, either.
          await Promise.allSettled([way(db), way(db)]);
        });
        const error = await rejection(writing);
        expect(error).toMatchObject({ code: "SQLITE_ABORT_ROLLBACK" });
        expect(error.cause).toMatchObject({ code: (first as SqliteError).code });
        expect(await pool.queryValue("SELECT group_concat(a) FROM t")).toBe("1");
        expect(pool.activeCount).toBe(0);
      }
      await pool.write((db) => db.execute("INSERT INTO t VALUES (5)"));
    });
  }

  test("statements sent before the transaction was known to have ended are not run", async () => {
    const pool = await shared();
    await pool.execute("CREATE TABLE t (a UNIQUE)");
    await pool.execute("INSERT INTO t VALUES (1)");
    const writing = pool.write(async (db) => {
      const sent = ["INSERT OR ROLLBACK INTO t VALUES (1)", "INSERT INTO t VALUES (2)"];
      return (await Promise.allSettled(sent.map((sql) => db.execute(sql)))).map(
        ({ status }) => status,
      );
    });
    expect(await rejection(writing)).toMatchObject({ code: "SQLITE_ABORT_ROLLBACK" });
    expect(await pool.queryValue("SELECT group_concat(a) FROM t")).toBe("1");
  });

  test("a callback that ends its transaction itself cannot go on behind its back", async () => {
    const pool = await shared();
    await pool.execute("CREATE TABLE t (a)");
    const writing = pool.write(async (db) => {
      await db.execute("INSERT INTO t VALUES (1)");
      await db.execute("COMMIT");
      await db.execute("INSERT INTO t VALUES (2)");
    });
    expect(await rejection(writing)).toMatchObject({ code: "SQLITE_ABORT_ROLLBACK" });
    expect(await pool.queryValue("SELECT group_concat(a) FROM t")).toBe("1");
  });

  test("a savepoint in a transaction begun by hand is refused once that has ended", async () => {
    const pool = await shared();
    await pool.execute("CREATE TABLE t (a UNIQUE)");
    await pool.execute("INSERT INTO t VALUES (1)");
    await pool.withConnection(async (db) => {
      await db.execute("BEGIN IMMEDIATE");
      const inner = db.transaction(async () => {
        await rejection(db.execute("INSERT OR ROLLBACK INTO t VALUES (1)"));
        await db.execute("INSERT INTO t VALUES (2)");
      });
      expect(await rejection(inner)).toMatchObject({ code: "SQLITE_ABORT_ROLLBACK" });
      // The lease itself goes on.
      await db.execute("INSERT INTO t VALUES (3)");
    });
    expect(await pool.queryValue("SELECT group_concat(a) FROM t")).toBe("1,3");
  });

  test("transactions of one connection that are asked for together come one after the other", async () => {
    const pool = await shared();
    await pool.execute("CREATE TABLE t (a)");
    const failure = new Error("no");
    await pool.withConnection(async (db) => {
      const insert = (n: number) =>
        db.transaction(async () => {
          await db.execute("INSERT INTO t VALUES (?)", [n]);
          const rows = await db.queryValue("SELECT count(*) FROM t");
          if (n % 2 === 0) throw failure;
          return rows;
        });
      const all = (numbers: number[]) => Promise.allSettled(numbers.map(insert));
      expect(await all([1, 2, 3])).toMatchObject([{ value: 1 }, { reason: failure }, { value: 2 }]);
      expect(db.inTransaction).toBe(false);
      await db.transaction(async () => {
        expect(await all([4, 5, 6, 7])).toMatchObject([
          { reason: failure },
          { value: 3 },
          { reason: failure },
          { value: 4 },
        ]);
      });
      const controller = new AbortController();
      const { signal } = controller;
      const first = insert(9);
      const aborted = rejection(db.transaction(() => insert(11), { signal }));
      controller.abort(failure);
      expect(await aborted).toBe(failure);
      await first;
    });
    expect(await pool.queryValue("SELECT group_concat(a) FROM t")).toBe("1,3,5,7,9");
    expect(pool.activeCount).toBe(0);
  });

  test("a transaction that cannot begin is no other's trouble", async () => {
    const pool = await open({ maxConnections: 2, busyTimeout: 20 });
    await pool.execute("CREATE TABLE t (a)");
    if (!capabilities.severalConnections) return;
    await using holder = await pool.acquire();
    await using db = await pool.acquire();
    await holder.execute("BEGIN IMMEDIATE");
    const begun = [1, 2].map((n) =>
      rejection(db.transaction(() => db.execute("INSERT INTO t VALUES (?)", [n]))),
    );
    for (const error of await Promise.all(begun)) expect(error).toBeInstanceOf(BusyError);
  });

  test("a batch takes nothing that would end its transaction", async () => {
    const pool = await shared();
    await pool.execute("CREATE TABLE t (a)");
    const insert = { sql: "INSERT INTO t VALUES (1)" };
    for (const sql of ["COMMIT", "ROLLBACK", "BEGIN", "END"]) {
      const batch = pool.batch([insert, { sql }, insert]);
      expect(await rejection(batch)).toMatchObject({ code: "SQLITE_MISUSE", sql });
      const many = pool.executeMany(sql, [[], []]);
      expect(await rejection(many)).toMatchObject({ code: "SQLITE_MISUSE" });
    }
    expect(await pool.queryValue("SELECT count(*) FROM t")).toBe(0);
    await pool.write(async (db) => {
      await db.execute("INSERT INTO t VALUES (2)");
      await rejection(db.batch([insert, { sql: "COMMIT" }, insert]));
      await db.execute("INSERT INTO t VALUES (3)");
    });
    expect(await pool.queryValue("SELECT group_concat(a) FROM t")).toBe("2,3");
  });

  test("a transaction is not kept while one inside of it still runs", async () => {
    const pool = await shared();
    await pool.execute("CREATE TABLE t (a)");
    const mayEnd = gate();
    let inner: Promise<unknown> | undefined;
    const outer = pool.write(async (db) => {
      const began = gate();
      inner = db
        .transaction(async () => {
          await db.execute("INSERT INTO t VALUES (1)");
          began.open();
          await mayEnd.promise;
        })
        .catch((error) => error);
      await began.promise;
    });
    expect(await rejection(outer)).toMatchObject({ code: "SQLITE_MISUSE" });
    mayEnd.open();
    expect(await inner).toBeInstanceOf(PoolError);
    expect(await pool.queryValue("SELECT count(*) FROM t")).toBe(0);
  });

  test("a transaction whose signal is aborted does not begin, inside of another one either", async () => {
    const pool = await shared();
    const reason = new Error("enough");
    const signal = AbortSignal.abort(reason);
    let ran = false;
    await pool.write(async (db) => {
      const note = () => {
        ran = true;
      };
      const inner = db.transaction(note, { signal });
      expect(await rejection(inner)).toBe(reason);
    });
    expect(ran).toBe(false);
  });

  severally(
    "a reader keeps its snapshot while the writer commits, and is not blocked by it",
    async () => {
      //  reader                    writer
      //  BEGIN, sees 1 row
      //                            BEGIN IMMEDIATE, INSERT
      //  sees 1 row
      //                            COMMIT
      //  sees 1 row
      //  COMMIT, sees 2 rows
      const pool = await open({ maxConnections: 2 });
      await pool.execute("CREATE TABLE t (a)");
      await pool.execute("INSERT INTO t VALUES (1)");
      const inserted = gate();
      const mayCommit = gate();
      await pool.read(async (db) => {
        const rows = () => db.queryValue("SELECT count(*) FROM t");
        expect(await rows()).toBe(1);
        const writing = pool.write(async (writer) => {
          await writer.execute("INSERT INTO t VALUES (2)");
          inserted.open();
          await mayCommit.promise;
        });
        await inserted.promise;
        expect(await rows()).toBe(1);
        mayCommit.open();
        await writing;
        expect(await rows()).toBe(1);
      });
      expect(await pool.queryValue("SELECT count(*) FROM t")).toBe(2);
    },
  );

  severally("pool.read() fixes its snapshot before the callback runs", async () => {
    const pool = await open({ maxConnections: 2 });
    await pool.execute("CREATE TABLE t (a)");
    await pool.read(async (db) => {
      await pool.execute("INSERT INTO t VALUES (1)");
      expect(await db.queryValue("SELECT count(*) FROM t")).toBe(0);
    });
  });

  test("a COMMIT of its own ends what pool.read() reads, and is not passed over", async () => {
    const pool = await shared();
    const reading = pool.read(async (db) => {
      await db.execute("COMMIT");
      return await db.queryValue("SELECT 1");
    });
    expect(await rejection(reading)).toMatchObject({ code: "SQLITE_ABORT_ROLLBACK" });
    expect(await pool.queryValue("SELECT 1")).toBe(1);
  });

  test("pool.read() refuses writes, and the connection can write for its next borrower", async () => {
    const pool = await open({ maxConnections: 1 });
    await pool.execute("CREATE TABLE t (a)");
    const writing = pool.read((db) => db.execute("INSERT INTO t VALUES (1)"));
    expect(await rejection(writing)).toMatchObject({ code: "SQLITE_READONLY" });
    for (const attempt of [
      pool.read((db) => db.executeScript("DELETE FROM t")),
      pool.read((db) => db.executeMany("DELETE FROM t", [[]])),
      pool.read((db) => db.batch([{ sql: "DELETE FROM t" }])),
      pool.read(async (db) => {
        for await (const _ of db.iterate("DELETE FROM t RETURNING a"));
      }),
    ]) {
      expect(await rejection(attempt)).toBeInstanceOf(SqliteError);
    }
    await pool.execute("INSERT INTO t VALUES (1)");
    expect(await pool.queryValue("SELECT count(*) FROM t")).toBe(1);
  });

  test("pool.read() refuses PRAGMA optimize, which analyzes tables", async () => {
    const pool = await open({ maxConnections: 1 });
    await pool.executeScript(`CREATE TABLE t (a); CREATE INDEX i ON t (a);
      WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 500)
      INSERT INTO t SELECT i FROM n`);
    const analyzed = "SELECT count(*) FROM sqlite_schema WHERE name = 'sqlite_stat1'";
    for (const sql of ["PRAGMA optimize(0x10002)", "SELECT * FROM pragma_optimize(0x10002)"]) {
      const optimizing = pool.read((db) => db.query(sql));
      expect(await rejection(optimizing)).toMatchObject({ code: "SQLITE_READONLY" });
    }
    expect(await pool.queryValue(analyzed)).toBe(0);
    await pool.execute("PRAGMA optimize(0x10002)");
    expect(await pool.queryValue(analyzed)).toBe(1);
  });

  severally("writers queue first come, first served, and readers pass them by", async () => {
    const pool = await open({ maxConnections: 2 });
    await pool.execute("CREATE TABLE t (a INTEGER PRIMARY KEY, who)");
    const mayCommit = gate();
    const began = gate();
    const first = pool.write(async (db) => {
      began.open();
      await mayCommit.promise;
      await db.execute("INSERT INTO t (who) VALUES (0)");
    });
    await began.promise;
    const others = [1, 2, 3, 4, 5].map((n) => pool.execute("INSERT INTO t (who) VALUES (?)", [n]));
    expect(await pool.queryValue("SELECT count(*) FROM t")).toBe(0);
    expect(await pool.batch([{ sql: "SELECT count(*) AS n FROM t" }])).toMatchObject([
      { rows: [{ n: 0 }] },
    ]);
    expect(pool.waitingCount).toBe(5);
    mayCommit.open();
    await Promise.all([first, ...others]);
    expect(
      await pool.queryValue("SELECT group_concat(who) FROM (SELECT who FROM t ORDER BY a)"),
    ).toBe("0,1,2,3,4,5");
  });

  severally("rows of a write that waits for readers to commit come when it has", async () => {
    const pool = await open({ maxConnections: 2, journalMode: "delete", busyTimeout: 60_000 });
    await pool.execute("CREATE TABLE t (a)");
    const reader = await pool.acquire();
    await reader.execute("BEGIN");
    await reader.query("SELECT * FROM t");
    const rows: unknown[] = [];
    const writing = (async () => {
      const inserted = pool.iterate("INSERT INTO t VALUES (3), (4), (5) RETURNING a", [], {
        chunkSize: 1,
      });
      for await (const row of inserted) rows.push(row);
    })();
    while (pool.stats().busy === 0) await new Promise((resolve) => setTimeout(resolve));
    expect(rows).toEqual([]);
    await reader.execute("COMMIT");
    await reader.release();
    await writing;
    expect(rows).toEqual([{ a: 3 }, { a: 4 }, { a: 5 }]);
    expect(await pool.queryValue("SELECT count(*) FROM t")).toBe(3);
  });

  severally(
    "a writer that waits while readers hold all connections waits for one, and not for the lock",
    async () => {
      const pool = await open({ maxConnections: 2, busyTimeout: 1, acquireTimeout: 20 });
      await pool.execute("CREATE TABLE t (a)");
      // To start a thread may take longer than acquireTimeout.
      const patient = { timeout: Number.POSITIVE_INFINITY };
      const readers = [await pool.acquire(patient), await pool.acquire(patient)];
      const waiting: unknown[] = [];
      pool.on("wait", (event) => waiting.push(event));
      const writers = ["a", "b", "c"].map((a) =>
        rejection(pool.execute("INSERT INTO t VALUES (?)", [a])),
      );
      for (const error of await Promise.all(writers)) {
        expect(error).toMatchObject({ code: "ACQUIRE_TIMEOUT", reason: "timeout" });
      }
      expect(waiting.length).toBeGreaterThanOrEqual(3);
      for (const reader of readers) await reader.release();
      await pool.execute("INSERT INTO t VALUES (1)");
    },
  );

  test("a write that is not awaited comes before a read that is asked for later, on one connection", async () => {
    const pool = await open({ maxConnections: 1 });
    await pool.execute("CREATE TABLE t (a)");
    const written = pool.execute("INSERT INTO t VALUES (1)");
    expect(await pool.queryValue("SELECT count(*) FROM t")).toBe(1);
    await written;
  });

  severally("what only reads does not wait for the writer, however it is written", async () => {
    const pool = await open({ maxConnections: 3, busyTimeout: 0 });
    await pool.execute("CREATE TABLE t (a)");
    await pool.write(async (db) => {
      await db.execute("INSERT INTO t VALUES (1)");
      const other = (await pool.acquire()) as Connection;
      const reads = [
        "WITH x AS (SELECT a FROM t WHERE a = 'delete') SELECT count(*) FROM x",
        "WITH x AS (SELECT replace(a, 'x', 'y') FROM t) SELECT count(*) FROM x",
        "; SELECT count(*) FROM t",
      ];
      for (const sql of reads) {
        expect(await pool.queryValue(sql)).toBe(0);
        expect(await other.queryValue(sql)).toBe(0);
      }
      await pool.executeScript("SELECT 1; SELECT 'update'");
      await other.release();
    });
  });

  severally("a writer that waits longer than busyTimeout is told who holds the lock", async () => {
    const pool = await open({ maxConnections: 3, busyTimeout: 30 });
    await pool.execute("CREATE TABLE t (a)");
    const holder = await pool.acquire();
    await holder.execute("BEGIN IMMEDIATE");
    const error = (await rejection(pool.execute("INSERT INTO t VALUES (1)"))) as BusyError;
    expect(error).toBeInstanceOf(BusyError);
    expect(error).toBeInstanceOf(SqliteError);
    expect(error).toMatchObject({ code: "SQLITE_BUSY", resultCode: 5 });
    expect(error.message).toMatch(/locked for \d+ ms: connection \d+ of pool "test"/);
    expect(error.holder).toMatchObject({
      pool: "test",
      connection: holder.id,
      sql: "BEGIN IMMEDIATE",
    });
    const other = await pool.acquire();
    expect(await rejection(other.execute("BEGIN IMMEDIATE"))).toBeInstanceOf(BusyError);
    await other.release();
    await holder.execute("COMMIT");
    await holder.release();
    await pool.execute("INSERT INTO t VALUES (1)");
    expect(await pool.queryValue("SELECT count(*) FROM t")).toBe(1);
    expect(pool.stats().busy).toBeGreaterThan(0);
  });

  severally("interrupt() ends a wait for the write lock, and nothing else", async () => {
    const pool = await open({ maxConnections: 3 });
    const lent = await Promise.all([1, 2, 3].map(() => pool.acquire()));
    const [holder, db, third] = lent as [Connection, Connection, Connection];
    await holder.execute("BEGIN IMMEDIATE");
    const waiting = rejection(db.execute("CREATE TABLE never (a)"));
    const behind = db.queryValue("SELECT 1");
    const other = third.execute("CREATE TABLE t (a)");
    while (pool.stats().busy < 2) await new Promise((resolve) => setTimeout(resolve));
    db.interrupt();
    expect(await waiting).toMatchObject({
      code: "SQLITE_INTERRUPT",
      sql: "CREATE TABLE never (a)",
    });
    expect(await behind).toBe(1);
    await holder.execute("COMMIT");
    await other;
    await db.execute("CREATE TABLE later (a)");
    const names = await db.queryValue("SELECT group_concat(name) FROM sqlite_schema");
    expect(names).toBe("t,later");
  });

  severally("what has not begun when close() takes its connection back is not run", async () => {
    const pool = await open({ maxConnections: 2, busyTimeout: Number.POSITIVE_INFINITY });
    await pool.execute("CREATE TABLE t (a)");
    const holder = await pool.acquire();
    await holder.execute("BEGIN IMMEDIATE");
    const inserting = pool.withConnection((db) =>
      Promise.all([1, 2, 3].map((a) => rejection(db.execute("INSERT INTO t VALUES (?)", [a])))),
    );
    while (pool.stats().busy === 0) await new Promise((resolve) => setTimeout(resolve));
    await pool.close({ timeout: 0 });
    for (const error of await inserting) expect(error).toBeInstanceOf(ConnectionReleasedError);
    if (memory) return;
    const again = await open();
    expect(await again.queryValue("SELECT count(*) FROM t")).toBe(0);
  });

  severally("interrupt() ends a commit's wait for readers", async () => {
    const pool = await open({ maxConnections: 2, journalMode: "delete" });
    await pool.execute("CREATE TABLE t (a)");
    const [reader, db] = await Promise.all([pool.acquire(), pool.acquire()]);
    await reader.execute("BEGIN");
    await reader.query("SELECT * FROM t");
    const writing = rejection(db.execute("INSERT INTO t VALUES (1)"));
    while (pool.stats().busy === 0) await new Promise((resolve) => setTimeout(resolve));
    db.interrupt();
    expect(await writing).toMatchObject({ code: "SQLITE_INTERRUPT" });
    await reader.execute("COMMIT");
    await db.execute("INSERT INTO t VALUES (2)");
    expect(await db.queryValue("SELECT group_concat(a) FROM t")).toBe("2");
  });

  severally(
    "a writer whose turn it is does not blame itself for the lock of a reader",
    async () => {
      const pool = await open({ maxConnections: 2, journalMode: "delete", busyTimeout: 20 });
      await pool.execute("CREATE TABLE t (a)");
      const reader = await pool.acquire();
      await reader.execute("BEGIN");
      await reader.query("SELECT * FROM t");
      const error = (await rejection(pool.execute("INSERT INTO t VALUES (1)"))) as BusyError;
      expect(error).toBeInstanceOf(BusyError);
      expect(error.holder).toBeUndefined();
      expect(error.message).toMatch(/another connection, or a program .* holds SQLite's lock/);
      await reader.release();
      await pool.execute("INSERT INTO t VALUES (1)");
    },
  );

  severally("an aborted writer leaves the queue, and the next one is served", async () => {
    const pool = await open({ maxConnections: 3 });
    await pool.execute("CREATE TABLE t (a)");
    const holder = await pool.acquire();
    await holder.execute("BEGIN IMMEDIATE");
    const controller = new AbortController();
    const reason = new Error("never mind");
    const { signal } = controller;
    const other = await pool.acquire();
    const aborted = [
      rejection(other.execute("INSERT INTO t VALUES (1)", [], { signal })),
      rejection(pool.execute("INSERT INTO t VALUES (1)", [], { signal })),
      rejection(pool.write(() => 1, { signal })),
    ];
    const served = pool.execute("INSERT INTO t VALUES (2)");
    controller.abort(reason);
    expect(await Promise.all(aborted)).toEqual([reason, reason, reason]);
    await holder.execute("COMMIT");
    await served;
    await other.release();
    await holder.release();
    expect(await pool.queryValue("SELECT group_concat(a) FROM t")).toBe("2");
  });

  severally(
    "a transaction whose turn it is stops waiting for the lock when it is aborted",
    async () => {
      const pool = await open({ maxConnections: 4 });
      const holder = await pool.acquire();
      await holder.execute("BEGIN IMMEDIATE");
      const reason = new Error("never mind");
      const kinds: ((options: { signal: AbortSignal }) => Promise<unknown>)[] = [
        (options) => pool.write(() => 1, options),
        (options) => pool.transaction(() => 1, options),
        (options) => pool.withConnection((db) => db.transaction(() => 1, options)),
      ];
      for (const begin of kinds) {
        const controller = new AbortController();
        const begun = rejection(begin({ signal: controller.signal }));
        await vi.waitUntil(() => pool.activeCount === 2, { timeout: 60_000 });
        controller.abort(reason);
        expect(await begun).toBe(reason);
      }
      await holder.execute("COMMIT");
      await holder.release();
      expect(await pool.write((db) => db.queryValue("SELECT 1"))).toBe(1);
    },
  );

  severally(
    "a deferred transaction may become a writer while nobody else has written",
    async () => {
      const pool = await open({ maxConnections: 2 });
      await pool.execute("CREATE TABLE t (a)");
      await pool.transaction(
        async (db) => {
          expect(await db.queryValue("SELECT count(*) FROM t")).toBe(0);
          await db.execute("INSERT INTO t VALUES (1)");
        },
        { mode: "deferred" },
      );
      const stale = pool.transaction(
        async (db) => {
          await db.query("SELECT * FROM t");
          await pool.execute("INSERT INTO t VALUES (2)");
          await db.execute("INSERT INTO t VALUES (3)");
        },
        { mode: "deferred" },
      );
      expect(await rejection(stale)).toMatchObject({ code: "SQLITE_BUSY_SNAPSHOT" });
      expect(await pool.queryValue("SELECT group_concat(a) FROM t")).toBe("1,2");
    },
  );

  severally("a scan sees what others wrote and checkpointed since the last one", async () => {
    const pool = await open({ maxConnections: 2, pragmas: { cache_size: 4 } });
    await pool.executeScript(`CREATE TABLE t (id INTEGER PRIMARY KEY, a, pad);
      WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 3000)
      INSERT INTO t SELECT i, 0, zeroblob(200) FROM n;`);
    const [reader, writer] = await Promise.all([pool.acquire(), pool.acquire()]);
    for (let round = 1; round <= 4; round++) {
      await writer.execute("UPDATE t SET a = ?", [round]);
      await writer.query("PRAGMA wal_checkpoint(TRUNCATE)");
      expect(await reader.queryValue("SELECT sum(a) FROM t")).toBe(3000 * round);
    }
    await reader.release();
    await writer.release();
  });

  test("many writers and readers leave the sum as it was", async () => {
    const pool = await open({ maxConnections: 6, pragmas: { wal_autocheckpoint: 20 } });
    await pool.executeScript(`
      CREATE TABLE account (id INTEGER PRIMARY KEY, balance INTEGER NOT NULL CHECK (balance >= 0));
      WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 50)
      INSERT INTO account SELECT i, 100 FROM n;
    `);
    let writing = true;
    const readers = Array.from({ length: 4 }, async () => {
      while (writing) {
        await pool.read(async (db) => {
          expect(await db.queryValue("SELECT sum(balance) FROM account")).toBe(5_000);
          expect(await db.queryValue("SELECT sum(balance) FROM account WHERE id <= 50")).toBe(
            5_000,
          );
        });
      }
    });
    const transfer = (from: number, to: number, amount: number) =>
      pool.write(async (db) => {
        const move = "UPDATE account SET balance = balance + ? WHERE id = ?";
        await db.execute(move, [-amount, from]);
        await db.execute(move, [amount, to]);
        if (amount % 7 === 0) throw new Error("changed my mind");
      });
    const writers = Array.from({ length: 3 }, async (_, w) => {
      for (let i = 0; i < 60; i++) {
        const from = ((i * 7 + w * 13) % 50) + 1;
        await transfer(from, (from % 50) + 1, (i % 15) + 1).catch(() => {});
      }
    });
    await Promise.all(writers);
    writing = false;
    await Promise.all(readers);
    expect(await pool.queryValue("SELECT sum(balance) FROM account")).toBe(5_000);
    expect(await pool.queryValue("PRAGMA integrity_check")).toBe("ok");
  });
});
