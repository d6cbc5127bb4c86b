import { type BindValue, type Connection, SqliteError, sql } from "sqlite-wasm-pool";
import { expect, test } from "vitest";
import { FOREVER } from "../helpers/forever.ts";
import { inUsualPlaces, rejection } from "../helpers/kinds.ts";
import { followsAsyncCalls } from "../helpers/promises.ts";

/** Each byte as a character: matchers compare long blobs number by number. */
function readable(row: readonly unknown[]): unknown[] {
  const decoder = new TextDecoder("latin1");
  return row.map((cell) => (cell instanceof Uint8Array ? { blob: decoder.decode(cell) } : cell));
}

/** What `call` gives, whose parameters are changed as soon as it has returned. */
function thenChanged<T>(call: (list: BindValue[], named: Record<string, BindValue>) => T): T {
  const bytes = new Uint8Array([1, 2, 3, 4]);
  const list = ["x", bytes.subarray(1, 3), bytes.buffer];
  const named = { a: "x", b: bytes.subarray(1, 3), c: bytes.buffer };
  const result = call(list, named);
  bytes.fill(9);
  list.fill("changed");
  Object.assign(named, { a: "changed", b: null, c: null });
  return result;
}

function detached(bytes: Uint8Array<ArrayBuffer>): Uint8Array {
  structuredClone(bytes, { transfer: [bytes.buffer] });
  return bytes;
}

await inUsualPlaces(({ open, shared, threads, capabilities }) => {
  const severally = test.runIf(capabilities.severalConnections);

  test("query() gives rows as objects, or as arrays", async () => {
    const pool = await shared();
    const text = "SELECT 1 AS a, 'x' AS b UNION ALL SELECT 2, NULL";
    expect(await pool.query(text)).toEqual([
      { a: 1, b: "x" },
      { a: 2, b: null },
    ]);
    expect(await pool.query(text, [], { rowMode: "array" })).toEqual([
      [1, "x"],
      [2, null],
    ]);
    expect(await pool.query("SELECT 1 AS a, 2 AS a")).toEqual([{ a: 2 }]);
    expect(await pool.query("SELECT 1 WHERE 0")).toEqual([]);
    expect(await pool.query('SELECT 1 AS "__proto__"')).toEqual([
      Object.fromEntries([["__proto__", 1]]),
    ]);
  });

  test("queryFirst() and queryValue() give the first row and its first column", async () => {
    const pool = await shared();
    expect(await pool.queryFirst("SELECT 1 AS a, 2 AS b UNION SELECT 3, 4")).toEqual({
      a: 1,
      b: 2,
    });
    expect(await pool.queryFirst("SELECT 1, 2", [], { rowMode: "array" })).toEqual([1, 2]);
    expect(await pool.queryFirst("SELECT 1 WHERE 0")).toBeUndefined();
    expect(await pool.queryValue("SELECT 'x', 'y'")).toBe("x");
    expect(await pool.queryValue("SELECT NULL")).toBeNull();
    expect(await pool.queryValue("SELECT 1 WHERE 0")).toBeUndefined();
  });

  test("describe() takes a script apart, and runs nothing of it", async () => {
    const pool = await shared();
    await pool.withConnection(async (db) => {
      const script = "CREATE TABLE t (a); -- é\n SELECT 1 AS a, :p, ? AS a; ";
      const first = await db.describe(script);
      expect(first).toEqual({
        sql: "CREATE TABLE t (a);",
        rest: " -- é\n SELECT 1 AS a, :p, ? AS a; ",
        columns: [],
        parameters: [],
        readonly: false,
      });
      const second = await db.describe(first?.rest ?? "");
      expect(second).toMatchObject({
        rest: " ",
        columns: ["a", ":p", "a"],
        parameters: [":p", undefined],
        readonly: true,
      });
      for (const blank of ["", " ; ", "-- only this", second?.rest ?? "x"]) {
        expect(await db.describe(blank)).toBeUndefined();
      }
      expect(await db.queryValue("SELECT count(*) FROM sqlite_schema")).toBe(0);
      expect(await rejection(db.describe("SELECT * FROM t"))).toMatchObject({ offset: -1 });
      expect(await rejection(db.describe("SELECT é FRM"))).toMatchObject({ code: "SQLITE_ERROR" });
      expect(await rejection(db.describe(1 as never))).toBeInstanceOf(TypeError);
    });
  });

  test("execute() takes any statement, and counts what it changed", async () => {
    const pool = await shared();
    expect((await pool.execute("CREATE TABLE t (id INTEGER PRIMARY KEY, a)")).changes).toBe(0);
    expect(await pool.execute("INSERT INTO t (a) VALUES (1), (2)")).toEqual({
      changes: 2,
      lastInsertRowid: 2,
    });
    expect((await pool.execute("SELECT 1")).changes).toBe(0);
    expect((await pool.execute("PRAGMA journal_mode")).changes).toBe(0);
    expect((await pool.execute("UPDATE t SET a = 3")).changes).toBe(2);
    expect((await pool.execute("UPDATE t SET a = 3 WHERE 0")).changes).toBe(0);
    expect((await pool.execute("DELETE FROM t WHERE id = ?", [1])).changes).toBe(1);
    const { lastInsertRowid } = await pool.execute("INSERT INTO t VALUES (?, 1)", [2n ** 60n]);
    expect(lastInsertRowid).toBe(2n ** 60n);
  });

  test("query() returns what RETURNING returns, and the write takes effect", async () => {
    const pool = await shared();
    await pool.execute("CREATE TABLE t (id INTEGER PRIMARY KEY, a)");
    const text = "INSERT INTO t (a) VALUES (?), (?) RETURNING id, a";
    expect(await pool.query(text, ["x", "y"])).toEqual([
      { id: 1, a: "x" },
      { id: 2, a: "y" },
    ]);
    expect(await pool.queryFirst(text, ["z", "w"])).toEqual({ id: 3, a: "z" });
    expect(await pool.queryValue("SELECT count(*) FROM t")).toBe(4);
  });

  test("parameters go by position and by name, in every type", async () => {
    const pool = await shared();
    const bytes = new Uint8Array([0, 1, 255]);
    const one = await pool.queryFirst("SELECT ? a, ?2 b, ?3 c, ? d, ? e, ? f, ? g", [
      null,
      1.5,
      "é",
      true,
      2n ** 62n,
      bytes,
      bytes.buffer,
    ]);
    expect(one).toEqual({ a: null, b: 1.5, c: "é", d: 1, e: 2n ** 62n, f: bytes, g: bytes });
    const named = await pool.queryFirst("SELECT :a a, @b b, $c c, :a again", {
      a: 1,
      b: "x",
      c: false,
    });
    expect(named).toEqual({ a: 1, b: "x", c: 0, again: 1 });
    const id = 7;
    const name = "x";
    const where = sql`a = ${id}`;
    expect(
      await pool.queryFirst(
        sql`SELECT ${id} AS a, ${name} AS b WHERE 7 = ${id} AND 7 IN (SELECT ${id} AS a WHERE ${where})`,
      ),
    ).toEqual({ a: 7, b: "x" });
  });

  test.each([
    ["missing", "SELECT ?, ?", [1], /parameter 2 is missing/],
    ["superfluous", "SELECT ?", [1, 2], /parameter 2 is superfluous/],
    ["missing by name", "SELECT :a, :b", { a: 1 }, /parameter :b is missing/],
    ["superfluous by name", "SELECT :a", { a: 1, b: 2 }, /parameter b is superfluous/],
    ["undefined", "SELECT ?", [undefined], /parameter 1 is undefined/],
    ["a hole", "SELECT ?", new Array(1), /parameter 1 is undefined/],
    ["a date", "SELECT :when", { when: new Date(0) }, /parameter when is an instance of Date/],
    ["an object", "SELECT ?", [{}], /parameter 1 is an instance of Object/],
    ["NaN", "SELECT ?", [Number.NaN], /parameter 1 is NaN/],
    ["transferred bytes", "SELECT ?", [detached(new Uint8Array(3))], /parameter 1 cannot be read/],
    ["a transferred buffer", "SELECT :a", { a: detached(new Uint8Array(3)).buffer }, /parameter a/],
    [
      "other numbers",
      "SELECT ?",
      [new Float32Array(2)],
      /parameter 1 is an instance of Float32Array/,
    ],
    ["more than 64 bits", "SELECT ?", [2n ** 63n], /parameter 1 is 9223372036854775808, .*64 bits/],
    ["no list", "SELECT ?", "x", /array or an object, not a string/],
    ["null", "SELECT 1", null, /array or an object, not null/],
    ["a map", "SELECT 1", new Map(), /array or an object, not an instance of Map/],
    ["a set", "SELECT 1", new Set(), /not an instance of Set/],
    ["a time", "SELECT 1", new Date(0), /not an instance of Date/],
    ["a promise", "SELECT 1", Promise.resolve([]), /not an instance of Promise/],
    ["bytes", "SELECT 1", new Uint8Array(), /not an instance of Uint8Array/],
    ["nameless", "SELECT ?", { a: 1 }, /parameter 1 has no name/],
  ])("a wrong parameter is named: %s", async (_label, text, params, message) => {
    const pool = await shared();
    const error = await rejection(pool.query(text, params as never));
    expect(error).toBeInstanceOf(TypeError);
    expect(error.message).toMatch(message);
    expect(await pool.queryValue("SELECT 1")).toBe(1);
  });

  test("a wrong parameter is an error of every kind of call, and thrown by none", async () => {
    const pool = await open();
    const wrong = [undefined] as never;
    for (const db of [pool, await pool.acquire()]) {
      for (const call of [
        () => db.query("SELECT ?", wrong),
        () => db.queryFirst("SELECT ?", wrong),
        () => db.queryValue("SELECT ?", wrong),
        () => db.execute("SELECT ?", wrong),
        () => db.executeMany("SELECT ?", [wrong]),
        () => db.batch([{ sql: "SELECT ?", params: wrong }]),
        () => db.iterate("SELECT ?", wrong).next(),
      ]) {
        const error = await rejection(call());
        expect(error).toBeInstanceOf(TypeError);
        expect(error.message).toMatch(/parameter 1 is undefined/);
      }
    }
  });

  test("what is no statement of a batch is named", async () => {
    const pool = await shared();
    const error = await rejection(pool.batch([{ sql: "SELECT 1" }, null] as never));
    expect(error).toBeInstanceOf(TypeError);
    expect(error.message).toMatch(/statement 2 of the batch is null/);
  });

  test("parameters are taken as they are at the call, however long that waits", async () => {
    const pool = await open({ maxConnections: 1 });
    const show = "SELECT ?1 || hex(?2) || hex(?3)";
    const insert = "INSERT INTO t VALUES (:a || hex(:b) || hex(:c))";
    await pool.execute("CREATE TABLE t (a)");
    const db = await pool.acquire();
    const watched = thenChanged((list) => pool.watch(show, list, { rowMode: "array" }));
    const answers: Promise<unknown>[] = [];
    for (const asked of [db, pool]) {
      const rows = thenChanged((list) => asked.iterate(show, list, { rowMode: "array" }));
      answers.push(
        thenChanged((list) => asked.queryValue(show, list)),
        thenChanged((list) => asked.queryFirst(show, list, { rowMode: "array" })),
        thenChanged((_, named) => asked.execute(insert, named)),
        thenChanged((_, named) => asked.executeMany(insert, [named])),
        thenChanged((_, named) => asked.batch([{ sql: insert, params: named }])),
        rows.next().then(async ({ value }) => {
          await rows.return?.();
          return value;
        }),
      );
      // Only now is there a connection for what was asked of the pool.
      if (asked === db) await Promise.all(answers);
    }
    await db.release();
    const wanted = "x020301020304";
    expect((await watched.next()).value).toEqual([[wanted]]);
    const counts = [{ changes: 1 }, { changes: 1 }, [{ changes: 1 }]];
    const all = [wanted, [wanted], ...counts, [wanted]];
    expect(await Promise.all(answers)).toMatchObject([...all, ...all]);
    expect(await pool.query("SELECT a FROM t")).toEqual(new Array(6).fill({ a: wanted }));
  });

  test("unknown options of a statement are refused", async () => {
    const pool = await shared();
    const error = await rejection(pool.query("SELECT 1", [], { rowmode: "array" } as never));
    expect(error).toBeInstanceOf(TypeError);
    expect(error.message).toContain("rowmode");
    expect(
      await rejection(pool.query("SELECT 1", [], { rowMode: "list" } as never)),
    ).toBeInstanceOf(RangeError);
  });

  test("options that no call knows, or of the wrong kind, are refused by every call", async () => {
    const pool = await shared();
    await pool.withConnection(async (db) => {
      const wrong: readonly [string, () => unknown][] = [
        ["mdoe", () => db.transaction(() => 1, { mdoe: "deferred" } as never)],
        ["timeout", () => db.transaction(() => 1, { timeout: 5 } as never)],
        ["signal", () => db.transaction(() => 1, { signal: "x" } as never)],
        ["chunkSize", () => db.query("SELECT 1", [], { chunkSize: 5 } as never)],
        ["chunkSize", () => db.iterate("SELECT 1", [], { chunkSize: "5" } as never).next()],
        ["chunk", () => db.iterate("SELECT 1", [], { chunk: 5 } as never).next()],
        ["sgnal", () => pool.export({ sgnal: 1 } as never)],
        ["signal", () => pool.import(new Uint8Array(), { signal: "x" } as never)],
        ["signal", async () => pool.exportStream({ signal: "x" } as never)],
      ];
      for (const [named, call] of wrong) {
        const error = await rejection((async () => await call())());
        expect(error, named).toBeInstanceOf(TypeError);
        expect(error.message).toContain(named);
      }
    });
  });

  test("a syntax error carries code, SQL and offset", async () => {
    const pool = await shared();
    const text = "SELECT é, FROM t";
    const error = (await rejection(pool.query(text))) as SqliteError;
    expect(error).toBeInstanceOf(SqliteError);
    expect(error).toMatchObject({ code: "SQLITE_ERROR", resultCode: 1, sql: text, offset: 11 });
  });

  test("a constraint error has the extended code, in every thread", async () => {
    const pool = await shared();
    await pool.execute("CREATE TABLE t (a UNIQUE)");
    await pool.execute("INSERT INTO t VALUES (1)");
    async function whoInserts() {
      await pool.execute("INSERT INTO t VALUES (1)");
    }
    const error = (await rejection(whoInserts())) as SqliteError;
    expect(error).toBeInstanceOf(SqliteError);
    if (await followsAsyncCalls()) expect(error.stack).toContain("whoInserts");
    expect(error.code).toBe("SQLITE_CONSTRAINT_UNIQUE");
    expect(error.resultCode).toBe(2067);
    expect(error.message).toContain("UNIQUE");
  });

  test("several statements where one is allowed are refused before anything runs", async () => {
    const pool = await shared();
    const error = await rejection(pool.execute("CREATE TABLE t (a); CREATE TABLE u (a)"));
    expect(error).toMatchObject({ code: "SQLITE_MISUSE" });
    expect(error.message).toContain("executeScript");
    expect(await pool.query("SELECT * FROM sqlite_schema")).toEqual([]);
    expect(await pool.queryValue("SELECT 1; -- a comment ; \n /* another */ ;")).toBe(1);
    expect(await rejection(pool.query(" -- nothing"))).toMatchObject({ code: "SQLITE_MISUSE" });
    expect(await rejection(pool.query("SELECT 1\0 + 1"))).toBeInstanceOf(TypeError);
  });

  test("executeMany() is one transaction: all or nothing", async () => {
    const pool = await shared();
    await pool.execute("CREATE TABLE t (a UNIQUE)");
    const text = "INSERT INTO t VALUES (:a)";
    expect(await pool.executeMany(text, [{ a: 1 }, { a: 2 }, { a: 3 }])).toEqual({ changes: 3 });
    const failing = pool.executeMany(text, [{ a: 4 }, { a: 1 }]);
    expect(await rejection(failing)).toMatchObject({ code: "SQLITE_CONSTRAINT_UNIQUE" });
    expect(await pool.queryValue("SELECT group_concat(a) FROM t")).toBe("1,2,3");
    expect(await pool.executeMany(text, [])).toEqual({ changes: 0 });
    const wrong = pool.executeMany(text, [{ a: 5 }, { b: 6 }]);
    expect(await rejection(wrong)).toBeInstanceOf(TypeError);
    expect(await pool.queryValue("SELECT count(*) FROM t")).toBe(3);
  });

  test("executeMany() keeps values of every type and size apart", async () => {
    const pool = await shared();
    await pool.executeScript(`CREATE TABLE t (id INTEGER PRIMARY KEY, a, b, c, d);
      CREATE TABLE log (a, b);
      CREATE TRIGGER tr AFTER INSERT ON t BEGIN INSERT INTO log VALUES (new.a, new.b); END;`);
    const sizes = [0, 1, 30, 20_000, 21_000, 25_000, 70_000];
    const rows = Array.from({ length: 40 }, (_, i) => {
      const size = sizes[i % sizes.length] ?? 0;
      return [
        i,
        `a${i}`.repeat(size % 9000),
        new Uint8Array(size).fill(i),
        `é${i}`.repeat(size % 7000),
        i % 3 ? null : 2n ** 60n,
      ];
    });
    expect(await pool.executeMany("INSERT INTO t VALUES (?, ?, ?, ?, ?)", rows)).toEqual({
      changes: 40,
    });
    const all = await pool.query<unknown[]>("SELECT * FROM t ORDER BY id", [], {
      rowMode: "array",
    });
    expect(all.map(readable)).toEqual(rows.map(readable));
    const logged = await pool.query<unknown[]>("SELECT a, b FROM log", [], { rowMode: "array" });
    expect(logged.map(readable)).toEqual(rows.map(([, a, b]) => readable([a, b])));
  });

  test("executeScript() runs statements in turn, and takes no parameters", async () => {
    const pool = await shared();
    await pool.executeScript(`
      CREATE TABLE t (a); -- one
      INSERT INTO t VALUES (1);
      BEGIN; INSERT INTO t VALUES (2); COMMIT;
      CREATE TRIGGER tr AFTER INSERT ON t BEGIN UPDATE t SET a = a + 1; END;
    `);
    expect(await pool.queryValue("SELECT sum(a) FROM t")).toBe(3);
    const failing = pool.executeScript("INSERT INTO t VALUES (3); INSERT INTO nowhere VALUES (1)");
    expect(await rejection(failing)).toMatchObject({ code: "SQLITE_ERROR" });
    expect(await pool.queryValue("SELECT count(*) FROM t")).toBe(3);
    expect(await rejection(pool.executeScript("SELECT ?"))).toBeInstanceOf(TypeError);
    await pool.executeScript("");
  });

  test("batch() is atomic and gives each statement's rows and changes", async () => {
    const pool = await shared();
    const results = await pool.batch([
      { sql: "CREATE TABLE t (id INTEGER PRIMARY KEY, a)" },
      { sql: "INSERT INTO t (a) VALUES (?), (?)", params: [1, 2] },
      { sql: sql`SELECT a FROM t WHERE a > ${1}` },
    ]);
    expect(results).toMatchObject([
      { rows: [], changes: 0 },
      { rows: [], changes: 2, lastInsertRowid: 2 },
      { rows: [{ a: 2 }], changes: 0 },
    ]);
    const [arrays] = await pool.batch([{ sql: "SELECT a FROM t" }], { rowMode: "array" });
    expect(arrays?.rows).toEqual([[1], [2]]);
    const failing = pool.batch([{ sql: "DELETE FROM t" }, { sql: "SELECT * FROM nowhere" }]);
    expect(await rejection(failing)).toBeInstanceOf(SqliteError);
    expect(await pool.queryValue("SELECT count(*) FROM t")).toBe(2);
    expect(await pool.batch([])).toEqual([]);
  });

  test("large results that are asked for together keep apart", async () => {
    const pool = await open({ maxConnections: 4 });
    const rows = 3_000;
    const select = `WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ${rows})
      SELECT i * ?1 AS number, ?1 || ' and ' || i AS text, CAST(i * ?1 AS BLOB) AS blob FROM n`;
    for (let round = 0; round < 3; round++) {
      const factors = Array.from({ length: 12 }, (_, i) => 100 * round + i + 1);
      const results = await Promise.all(factors.map((factor) => pool.query(select, [factor])));
      for (const [index, factor] of factors.entries()) {
        const wrong = (results[index] ?? []).filter(({ number, text, blob }, i) => {
          const product = (i + 1) * factor;
          const read = new TextDecoder().decode(blob as Uint8Array);
          return number !== product || text !== `${factor} and ${i + 1}` || read !== `${product}`;
        });
        expect([results[index]?.length, wrong]).toEqual([rows, []]);
      }
    }
  });

  test("a change of the schema changes no rows", async () => {
    const pool = await shared();
    const module = pool.capabilities.fts5 ? "fts5" : "fts3";
    const made = await pool.execute(`CREATE VIRTUAL TABLE words USING ${module}(text)`);
    expect(made.changes).toBe(0);
    expect((await pool.execute("INSERT INTO words VALUES ('a')")).changes).toBe(1);
    expect((await pool.execute("CREATE TABLE t AS SELECT 1 UNION SELECT 2")).changes).toBe(0);
    const [batched] = await pool.batch([{ sql: `CREATE VIRTUAL TABLE more USING ${module}(a)` }]);
    expect(batched?.changes).toBe(0);
    expect((await pool.execute("DROP TABLE words")).changes).toBe(0);
  });

  test("a write whose rows cannot be given is undone, and nothing else is", async () => {
    const pool = await open({ integers: "number" });
    await pool.execute("CREATE TABLE t (a)");
    const insert = "INSERT INTO t VALUES (1), (9007199254740993), (2) RETURNING a";
    const ways: ((db: Connection) => Promise<unknown>)[] = [
      (db) => db.query(insert),
      (db) => db.batch([{ sql: insert }]),
      async (db) => {
        for await (const _ of db.iterate(insert, [], { chunkSize: 1 }));
      },
    ];
    for (const way of ways) {
      expect(await rejection(pool.withConnection(way))).toBeInstanceOf(RangeError);
      expect(await pool.queryValue("SELECT count(*) FROM t")).toBe(0);
      await pool.write(async (db) => {
        await db.execute("INSERT INTO t VALUES (3)");
        expect(await rejection(way(db))).toBeInstanceOf(RangeError);
        expect(await db.queryValue("SELECT count(*) FROM t")).toBe(1);
        await db.execute("DELETE FROM t");
      });
    }
    expect(await pool.query("INSERT INTO t VALUES (4), (5) RETURNING a")).toEqual([
      { a: 4 },
      { a: 5 },
    ]);
    const seen: unknown[] = [];
    for await (const row of pool.iterate("DELETE FROM t RETURNING a", [], { chunkSize: 1 })) {
      seen.push(row);
    }
    expect(seen).toEqual([{ a: 4 }, { a: 5 }]);
    expect(await pool.queryValue("SELECT count(*) FROM t")).toBe(0);
  });

  test("integers keep all 64 bits", async () => {
    const text =
      "SELECT 9007199254740991 AS safe, 9007199254740993 AS unsafe, -9223372036854775808 AS least";
    const auto = await open();
    expect(await auto.queryFirst(text)).toEqual({
      safe: 9007199254740991,
      unsafe: 9007199254740993n,
      least: -(2n ** 63n),
    });
    const bigint = await open({ integers: "bigint" }, "bigint");
    expect(await bigint.queryFirst("SELECT 1 a, 1.5 b")).toEqual({ a: 1n, b: 1.5 });
    await bigint.execute("CREATE TABLE t (id INTEGER PRIMARY KEY)");
    const inserted = await bigint.execute("INSERT INTO t VALUES (5)");
    expect(inserted).toEqual({ changes: 1, lastInsertRowid: 5n });
    const number = await open({ integers: "number" }, "number");
    expect(await number.queryValue("SELECT 1")).toBe(1);
    expect(await rejection(number.query(text))).toBeInstanceOf(RangeError);
    expect(await number.queryValue("SELECT 1")).toBe(1);
  });

  test("text and blobs round-trip exactly", async () => {
    const pool = await shared();
    const texts = [
      "",
      "a\0b",
      "\0",
      "é€😀",
      "\ud800",
      "x\udc00y\ud83d",
      "\ufeffbom",
      "x".repeat(70_000),
      "😀\ud800".repeat(9_000),
    ];
    for (const text of texts) expect(await pool.queryValue("SELECT ?", [text])).toBe(text);
    expect(
      await pool.query("SELECT value FROM json_each(?)", [JSON.stringify(texts.slice(3, 4))]),
    ).toEqual([{ value: texts[3] }]);
    for (const size of [0, 1, 5_000, 70_000, 300_000]) {
      const bytes = crypto.getRandomValues(new Uint8Array(Math.min(size, 65_536)));
      const blob = new Uint8Array(size).map((_, i) => bytes[i % 65_536] ?? 0);
      expect(readable([await pool.queryValue("SELECT ?", [blob])])).toEqual(readable([blob]));
    }
    expect(await pool.queryValue("SELECT typeof(?)", [new Uint8Array()])).toBe("blob");
    expect(await pool.queryValue("SELECT ?", [-0])).toBe(-0);
    expect(await pool.queryValue("SELECT ?", [Infinity])).toBe(Infinity);
  });

  test("2,000 columns come back in order", async () => {
    const pool = await shared();
    const columns = Array.from({ length: 2_000 }, (_, i) => `${i} AS c${i}`);
    const row = await pool.queryFirst(`SELECT ${columns}`);
    expect(row).toEqual(Object.fromEntries(columns.map((_, i) => [`c${i}`, i])));
  });

  test("iterate() streams every row, and stops where its consumer does", async () => {
    const pool = await open({ maxConnections: 1 });
    const text =
      "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ?) SELECT i FROM n";
    let sum = 0;
    for await (const { i } of pool.iterate<{ i: number }>(text, [2_500], { chunkSize: 100 }))
      sum += i;
    expect(sum).toBe((2_500 * 2_501) / 2);
    const seen: number[] = [];
    for await (const [i] of pool.iterate<number[]>(text, [1e9], {
      chunkSize: 2,
      rowMode: "array",
    })) {
      seen.push(Number(i));
      if (seen.length === 5) break;
    }
    expect(seen).toEqual([1, 2, 3, 4, 5]);
    expect(pool.activeCount).toBe(0);
    expect(await pool.queryValue("SELECT 1")).toBe(1);
  });

  test("iterate() keeps its columns while other statements run in its thread", async () => {
    const pool = await open({ threads: 1 });
    await pool.executeScript(`CREATE TABLE t (id INTEGER PRIMARY KEY, name, note);
      WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 60)
      INSERT INTO t SELECT i, 'name ' || i, NULL FROM n`);
    const others = ["SELECT 7 AS x", "SELECT 1 AS name, 2 AS b, 3 AS c, 4 AS d, 5 AS e"];
    await pool.withConnection(async (db) => {
      for (const chunkSize of [1, 7, 30]) {
        for (const rowMode of ["object", "array"] as const) {
          const scan = "SELECT id, name, note FROM t ORDER BY id";
          const rows: unknown[] = [];
          for await (const row of db.iterate(scan, [], { chunkSize, rowMode })) {
            rows.push(row);
            if (rows.length % 5 !== 1) continue;
            for (const other of others) {
              await db.query(other, [], { rowMode });
              await db.queryFirst(other);
              // Of another connection in the same thread, where there can be one.
              if (capabilities.severalConnections) await pool.query(other);
            }
          }
          expect(rows).toEqual(await db.query(scan, [], { rowMode }));
        }
      }
    });
  });

  test("iterate() reports an error in the middle of a scan", async () => {
    const pool = await shared();
    const seen: unknown[] = [];
    const failing = (async () => {
      const text =
        "SELECT CASE WHEN value < 5 THEN value ELSE abs(-9223372036854775807 - 1) END v FROM json_each('[1,2,3,4,5,6]')";
      for await (const row of pool.iterate(text, [], { chunkSize: 2 })) seen.push(row);
    })();
    expect(await rejection(failing)).toBeInstanceOf(SqliteError);
    expect(seen.length).toBeLessThanOrEqual(4);
    expect(
      await rejection(
        pool.query(
          "SELECT CASE WHEN value < 5 THEN value ELSE abs(-9223372036854775807 - 1) END FROM json_each('[1,2,3,4,5,6]')",
        ),
      ),
    ).toBeInstanceOf(SqliteError);
  });

  test("an aborted iterate() ends with the reason and gives the connection back", async () => {
    const pool = await open({ maxConnections: 1 });
    const controller = new AbortController();
    const reason = new Error("enough");
    const text = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT i FROM n";
    const consuming = (async () => {
      for await (const { i } of pool.iterate<{ i: number }>(text, [], {
        chunkSize: 10,
        signal: controller.signal,
      })) {
        if (i === 25) controller.abort(reason);
      }
    })();
    expect(await rejection(consuming)).toBe(reason);
    expect(pool.activeCount).toBe(0);
  });

  test("close() ends a loop over rows, which says so", async () => {
    const pool = await open({ maxConnections: 1 });
    const text =
      "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n LIMIT ?) SELECT i FROM n";
    const rows = pool.iterate(text, [1e9], { chunkSize: 1 });
    await rows.next();
    await pool.close({ timeout: 0 });
    const readOn = async () => {
      for await (const _ of rows);
    };
    expect(await rejection(readOn())).toMatchObject({ code: "POOL_CLOSED" });
  });

  test("an iterate() that is aborted while it waits for its turn leaves no cursor behind", async () => {
    const pool = await open({ maxConnections: 1 });
    const db = await pool.acquire();
    const text = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT i FROM n";
    const controller = new AbortController();
    const reason = new Error("enough");
    const rows = db.iterate(text, [], { chunkSize: 1, signal: controller.signal });
    await rows.next();
    // The next chunk is there or on its way; the one after it has to wait.
    const before = db.query(`${text} LIMIT 200000`);
    await rows.next();
    const waiting = rows.next();
    controller.abort(reason);
    await waiting.catch((thrown) => expect(thrown).toBe(reason));
    await rows.return?.();
    await before;
    // SQLite refuses it while a statement is in progress.
    await db.execute("VACUUM");
    await db.release();
  });

  test("what does not fit the caches goes to temporary files, where they are asked for", async () => {
    const pool = await open({ pragmas: { temp_store: "file", cache_size: 5 } });
    await pool.executeScript(`
      CREATE TABLE t (a INTEGER PRIMARY KEY, b);
      WITH RECURSIVE c (x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM c WHERE x < 5000)
      INSERT INTO t SELECT x, printf('%0200d', (x * 7919) % 5000) FROM c;
      CREATE TEMP TABLE sorted AS SELECT b FROM t ORDER BY b;
      UPDATE t SET b = b || 'x' WHERE a > 0;
      VACUUM;
    `);
    const sorted = await pool.query<{ b: string }>("SELECT b FROM t ORDER BY b DESC LIMIT 2");
    expect(sorted.map(({ b }) => Number.parseInt(b, 10))).toEqual([4999, 4998]);
    expect(await pool.queryValue("PRAGMA integrity_check")).toBe("ok");
  });

  severally("a change of the schema by another connection makes no statement wrong", async () => {
    const pool = await open({ maxConnections: 2 });
    await pool.execute("CREATE TABLE t (a)");
    const [db, other] = (await Promise.all([pool.acquire(), pool.acquire()])) as [
      Connection,
      Connection,
    ];
    const steps = [
      ["ALTER TABLE t ADD COLUMN b", "INSERT INTO t VALUES (1, 2)"],
      ["CREATE INDEX i ON t (a)", "DROP INDEX i"],
      ["CREATE INDEX i ON t (b)", "SELECT * FROM t INDEXED BY i"],
      ["DROP INDEX i", "CREATE INDEX i ON t (a)"],
      ["ALTER TABLE t DROP COLUMN b", "ALTER TABLE t ADD COLUMN b"],
      ["DROP TABLE t; CREATE VIEW t AS SELECT 1 AS a", "SELECT a FROM t"],
      [
        "DROP VIEW t; CREATE TABLE t (a UNIQUE)",
        "INSERT INTO t VALUES (1) ON CONFLICT (a) DO NOTHING",
      ],
    ] as const;
    for (const [change, statement] of steps) {
      await other.query("SELECT * FROM t");
      await db.executeScript(change);
      await other.execute(statement);
    }
    const wrong = await rejection(other.execute("INSERT INTO t VALUES (1, 2, 3)"));
    expect(wrong.message).toContain("table t has 1 columns but 3 values were supplied");
    await other.execute("BEGIN");
    await rejection(other.query("SELECT nothing"));
    await other.execute("COMMIT");
  });

  test("PRAGMA busy_timeout answers with the pool's", async () => {
    const pool = await open({ busyTimeout: 1_234 });
    expect(await pool.query("PRAGMA busy_timeout")).toEqual([{ timeout: 1_234 }]);
    const forever = await open({ busyTimeout: Number.POSITIVE_INFINITY }, "forever");
    expect(await forever.queryValue("pragma main.busy_timeout;")).toBe(2_147_483_647);
  });

  test("executeMany() takes no template that carries parameters", async () => {
    const pool = await shared();
    await pool.execute("CREATE TABLE t (a)");
    const withOwn = sql`INSERT INTO t VALUES (${7})`;
    expect(await rejection(pool.executeMany(withOwn, [[1]]))).toBeInstanceOf(TypeError);
    await pool.withConnection(async (db) => {
      expect(await rejection(db.executeMany(withOwn, [[1]]))).toBeInstanceOf(TypeError);
      await db.executeMany(sql`INSERT INTO t VALUES (:a)`, [{ a: 1 }]);
    });
    expect(await pool.query("SELECT a FROM t")).toEqual([{ a: 1 }]);
  });

  test.runIf(capabilities.interrupt)("an aborted statement is really stopped", async () => {
    const pool = await open({ maxConnections: 1 });
    const reason = new Error("too slow");
    const controller = new AbortController();
    const running = rejection(pool.query(FOREVER, [], { signal: controller.signal }));
    setTimeout(() => controller.abort(reason), 20);
    expect(await running).toBe(reason);
    expect(await pool.queryValue("SELECT 1")).toBe(1);
    const byHand = pool.withConnection(async (db) => {
      const failing = rejection(db.query(FOREVER));
      setTimeout(() => db.interrupt(), 20);
      return failing;
    });
    expect(await byHand).toMatchObject({ code: "SQLITE_INTERRUPT" });
    expect(await pool.queryValue("SELECT 1")).toBe(1);
  });

  test("a statement's own timeout stops it", async () => {
    const pool = await shared();
    const error = await rejection(pool.query(FOREVER, [], { timeout: 10 }));
    expect(error.message).toBe("the statement was stopped after its timeout of 10 ms");
    expect(error).toMatchObject({ code: "SQLITE_INTERRUPT" });
    expect(await pool.queryValue("SELECT 1")).toBe(1);
  });

  test("a statement that waits behind others hears of its abort at once", async () => {
    const pool = await shared();
    const db = await pool.acquire();
    const controller = new AbortController();
    const reason = new Error("no longer wanted");
    const first = db.query("SELECT 1");
    const second = db.execute("CREATE TABLE never (a)", [], { signal: controller.signal });
    controller.abort(reason);
    if (threads > 0) expect(await rejection(second)).toBe(reason);
    await first;
    await second.catch(() => {});
    if (threads > 0) expect(await db.query("SELECT * FROM sqlite_schema")).toEqual([]);
    await db.release();
  });

  test("statements of one connection run in the order they were made", async () => {
    const pool = await shared();
    await pool.withConnection(async (db) => {
      const made = [
        db.execute("CREATE TABLE t (a)"),
        db.execute("INSERT INTO t VALUES (1)"),
        db.execute("UPDATE t SET a = 2"),
        db.queryValue("SELECT a FROM t"),
      ];
      expect((await Promise.all(made))[3]).toBe(2);
    });
  });

  test("reads that overlap on one connection keep their place among its writes", async () => {
    const pool = await open({ maxConnections: 1 });
    await pool.execute("CREATE TABLE t (a)");
    await pool.withConnection(async (db) => {
      const made: Promise<unknown>[] = [];
      for (let i = 1; i <= 30; i++) {
        made.push(db.execute("INSERT INTO t VALUES (1)"));
        for (let j = 0; j < 5; j++) made.push(db.queryValue("SELECT count(*) FROM t"));
        made.push(rejection(db.queryValue("SELECT nothing FROM t")));
        made.push(db.queryValue("WITH x AS (SELECT count(*) n FROM t) SELECT n FROM x"));
      }
      const values = (await Promise.all(made)).filter((value) => typeof value === "number");
      expect(values).toEqual(Array.from({ length: 30 * 6 }, (_, i) => Math.floor(i / 6) + 1));
    });
    const late = await pool.acquire();
    const unanswered = [rejection(late.query("SELECT nothing")), late.queryValue("SELECT 1")];
    await late.release();
    expect((await Promise.all(unanswered))[1]).toBe(1);
    expect(pool.stats()).toMatchObject({ replaced: 0, idle: 1 });
  });

  severally("a cached statement follows a change of the schema", async () => {
    const pool = await open({ maxConnections: 2 });
    await pool.execute("CREATE TABLE t (a)");
    await pool.execute("INSERT INTO t VALUES (1)");
    const [one, two] = await Promise.all([pool.acquire(), pool.acquire()]);
    expect(await one.query("SELECT * FROM t")).toEqual([{ a: 1 }]);
    await two.execute("ALTER TABLE t ADD COLUMN b DEFAULT 2");
    expect(await one.query("SELECT * FROM t")).toEqual([{ a: 1, b: 2 }]);
    await one.release();
    await two.release();
  });
});
