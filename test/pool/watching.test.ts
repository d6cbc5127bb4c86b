import * as fc from "fast-check";
import {
  type Connection,
  type ConnectionPool,
  PoolClosedError,
  type QueryOptions,
  SqliteError,
} from "sqlite-wasm-pool";
import { expect, test } from "vitest";
import { inUsualPlaces, rejection } from "../helpers/kinds.ts";

const VALUES = "SELECT a FROM t ORDER BY a";

/** A watch, and how often it has read. */
function watch(pool: ConnectionPool, sql: string, options?: QueryOptions) {
  let readings = 0;
  pool.on("query", (query) => {
    if (query.sql === sql) readings++;
  });
  const rows = pool.watch<{ a: unknown }>(sql, [], options);
  return {
    rows,
    /** The next rows, as the values of their column `a`. */
    async next(): Promise<unknown[] | undefined> {
      const { value }: { value?: { a: unknown }[] } = await rows.next();
      return value?.map(({ a }) => a);
    },
    get readings() {
      return readings;
    },
  };
}

/** What `change` events tell from now on, one commit after another. */
function changesOf(pool: ConnectionPool): string[][] {
  const changes: string[][] = [];
  pool.on("change", ({ tables }) => changes.push([...tables].sort()));
  return changes;
}

const TABLES = ["t", "other", "logged"] as const;
const ACTIONS = ["insert", "update", "delete", "rollback", "savepoint", "script"] as const;

interface Step {
  readonly table: (typeof TABLES)[number];
  readonly action: (typeof ACTIONS)[number];
}

async function perform(db: Connection, steps: readonly Step[]): Promise<void> {
  for (const [i, { table, action }] of steps.entries()) {
    const insert = `INSERT INTO ${table} VALUES (${i})`;
    if (action === "insert") await db.execute(insert);
    else if (action === "update") await db.execute(`UPDATE ${table} SET a = a + 1`);
    else if (action === "delete") await db.execute(`DELETE FROM ${table}`);
    else if (action === "script") {
      await db.executeScript(`BEGIN; ${insert}; COMMIT; DELETE FROM ${table} WHERE a > 5`);
    } else {
      await rejection(
        db.transaction(async () => {
          await db.execute(insert);
          if (action === "rollback") throw new Error("no");
          await rejection(db.batch([{ sql: `DELETE FROM ${table}` }, { sql: "SELEC" }]));
          await db.execute("COMMIT");
          throw new Error("committed by hand");
        }),
      );
    }
  }
}

/** A loop over a watch, as far as it has come. */
function follow(pool: ConnectionPool, sql: string) {
  let latest = "";
  let wake = () => {};
  const watched = pool.watch(sql);
  const ended = (async () => {
    for await (const rows of watched) {
      latest = JSON.stringify(rows);
      wake();
    }
  })();
  return {
    async end(): Promise<void> {
      await watched.return?.();
      await ended;
    },
    async until(expected: string): Promise<void> {
      while (latest !== expected) {
        await new Promise<void>((resolve) => {
          wake = resolve;
        });
      }
    },
  };
}

await inUsualPlaces(({ open, capabilities }) => {
  const withTable = async () => {
    const pool = await open({ maxConnections: 3 });
    await pool.executeScript("CREATE TABLE t (a); CREATE TABLE other (a)");
    return pool;
  };

  test("watch() yields the rows there are, then those after each commit", async () => {
    const pool = await withTable();
    const { next } = watch(pool, VALUES);
    expect(await next()).toEqual([]);
    await pool.execute("INSERT INTO t VALUES (1)");
    expect(await next()).toEqual([1]);
    const pending = next();
    await pool.execute("UPDATE t SET a = 2");
    expect(await pending).toEqual([2]);
    await pool.execute("DELETE FROM t");
    expect(await next()).toEqual([]);
  });

  test("watch() binds its parameters as they were, and takes a row mode", async () => {
    const pool = await withTable();
    const params = { least: 2 };
    const rows = pool.watch("SELECT a FROM t WHERE a >= :least", params, { rowMode: "array" });
    expect((await rows.next()).value).toEqual([]);
    params.least = 0;
    await pool.executeMany("INSERT INTO t VALUES (?)", [[1], [2]]);
    expect((await rows.next()).value).toEqual([[2]]);
  });

  test("a commit to tables it does not read leaves a watch alone", async () => {
    const pool = await withTable();
    const watched = watch(pool, VALUES);
    await watched.next();
    const pending = watched.next();
    await pool.execute("INSERT INTO other VALUES (1)");
    await pool.execute("CREATE TABLE more (a)");
    await pool.execute("CREATE INDEX more_a ON more (a)");
    await pool.execute("UPDATE t SET a = 1 WHERE a = 5");
    await pool.query(VALUES.toLowerCase());
    expect(watched.readings).toBe(1);
    await pool.execute("INSERT INTO t VALUES (1)");
    expect(await pending).toEqual([1]);
    expect(watched.readings).toBe(2);
  });

  test("whoever is slow gets the latest rows, and not all there were", async () => {
    const pool = await withTable();
    const watched = watch(pool, VALUES);
    await watched.next();
    for (let i = 1; i <= 5; i++) await pool.execute("INSERT INTO t VALUES (?)", [i]);
    expect(await watched.next()).toEqual([1, 2, 3, 4, 5]);
    expect(watched.readings).toBe(2);
  });

  test("a watch holds no connection while it waits", async () => {
    const pool = await open({ maxConnections: 1 });
    await pool.execute("CREATE TABLE t (a)");
    const { next } = watch(pool, VALUES);
    await next();
    const pending = next();
    expect(pool.activeCount).toBe(0);
    await pool.withConnection((db) => db.execute("INSERT INTO t VALUES (1)"));
    expect(await pending).toEqual([1]);
  });

  test("what is uncommitted or rolled back is not told of", async () => {
    const pool = await withTable();
    const changes = changesOf(pool);
    const watched = watch(pool, VALUES);
    await watched.next();
    const pending = watched.next();
    await rejection(
      pool.write(async (db) => {
        await db.execute("INSERT INTO t VALUES (1)");
        throw new Error("no");
      }),
    );
    await rejection(pool.batch([{ sql: "INSERT INTO t VALUES (1)" }, { sql: "SELEC" }]));
    await pool.withConnection(async (db) => {
      await db.execute("BEGIN");
      await db.execute("INSERT INTO t VALUES (1)");
    });
    await pool.executeScript("BEGIN; INSERT INTO t VALUES (1); ROLLBACK; BEGIN IMMEDIATE; COMMIT");
    expect(changes).toEqual([]);
    await pool.write(async (db) => {
      await db.execute("INSERT INTO t VALUES (2)");
      expect(changes).toEqual([]);
    });
    expect(changes).toEqual([["t"]]);
    expect(await pending).toEqual([2]);
    expect(watched.readings).toBe(2);
  });

  test("every way to commit is told of, before its call resolves", async () => {
    const pool = await withTable();
    const changes = changesOf(pool);
    const told = () => changes.splice(0);
    const insert = "INSERT INTO t VALUES (1)";
    await pool.execute(insert);
    expect(told()).toEqual([["t"]]);
    await pool.query(`${insert} RETURNING a`);
    expect(told()).toEqual([["t"]]);
    await pool.executeMany("INSERT INTO t VALUES (?)", [[1], [2]]);
    expect(told()).toEqual([["t"]]);
    await pool.batch([{ sql: insert }, { sql: "INSERT INTO other VALUES (1)" }]);
    expect(told()).toEqual([["other", "t"]]);
    await pool.executeScript(`BEGIN; ${insert}; COMMIT; BEGIN; INSERT INTO other VALUES (1)`);
    expect(told()).toEqual([["t"]]);
    await rejection(pool.executeScript(`${insert}; SELEC`));
    expect(told()).toEqual([["t"]]);
    await pool.withConnection((db) =>
      db.executeScript(`SAVEPOINT a; SAVEPOINT b; ${insert}; ROLLBACK TO b; ${insert}; RELEASE a`),
    );
    expect(told()).toEqual([["t"]]);
    for await (const _ of pool.iterate("INSERT INTO t VALUES (1), (2) RETURNING a", [], {
      chunkSize: 1,
    })) {
      break;
    }
    expect(told()).toEqual([["t"]]);
    await pool.transaction((db) => db.transaction((inner) => inner.execute(insert)));
    expect(told()).toEqual([["t"]]);
  });

  test("rows that fail leave those before them, and these are told of", async () => {
    const pool = await withTable();
    await pool.execute("CREATE UNIQUE INDEX one ON t (a)");
    const changes = changesOf(pool);
    const error = await rejection(pool.execute("INSERT OR FAIL INTO t VALUES (1), (1)"));
    expect(error.code).toBe("SQLITE_CONSTRAINT_UNIQUE");
    expect(await pool.queryValue("SELECT count(*) FROM t")).toBe(1);
    expect(changes).toEqual([["t"]]);
    await rejection(pool.execute("INSERT INTO t VALUES (2), (2)"));
    await rejection(
      pool.withConnection((db) =>
        db.executeScript("BEGIN; INSERT INTO t VALUES (3); INSERT OR ROLLBACK INTO t VALUES (1)"),
      ),
    );
    expect(changes).toEqual([["t"]]);
  });

  test("tables behind views, subqueries and CTEs are watched", async () => {
    const pool = await withTable();
    await pool.execute("CREATE VIEW v AS SELECT a FROM t");
    for (const sql of [
      "SELECT a FROM v",
      "WITH x AS (SELECT a FROM t) SELECT a FROM x",
      "SELECT a FROM other WHERE EXISTS (SELECT 1 FROM t) UNION SELECT count(*) FROM t",
    ]) {
      const { next } = watch(pool, sql);
      const before = await next();
      await pool.execute("INSERT INTO t VALUES (1)");
      expect(await next()).not.toEqual(before);
    }
  });

  test("triggers, cascades, REPLACE and tables without rowid are noticed", async () => {
    const pool = await withTable();
    await pool.executeScript(`
      CREATE TABLE parent (a INTEGER PRIMARY KEY);
      CREATE TABLE child (a REFERENCES parent ON DELETE CASCADE ON UPDATE CASCADE);
      CREATE TABLE pairs (k PRIMARY KEY, a) WITHOUT ROWID;
      INSERT INTO parent VALUES (1), (2);
      INSERT INTO child VALUES (1), (2)`);
    const child = watch(pool, "SELECT a FROM child");
    const pairs = watch(pool, "SELECT a FROM pairs");
    await Promise.all([child.next(), pairs.next()]);
    await pool.execute("DELETE FROM parent WHERE a = 1");
    expect(await child.next()).toEqual([2]);
    await pool.execute("UPDATE parent SET a = 3");
    expect(await child.next()).toEqual([3]);
    await pool.execute("REPLACE INTO pairs VALUES ('k', 1)");
    expect(await pairs.next()).toEqual([1]);
    await pool.execute("REPLACE INTO pairs VALUES ('k', 2)");
    expect(await pairs.next()).toEqual([2]);
    await pool.execute("INSERT INTO t VALUES (7)");
    // The statement above is kept, compiled before there was a trigger.
    await pool.execute(
      "CREATE TRIGGER log AFTER INSERT ON t BEGIN REPLACE INTO pairs VALUES ('k', new.a); END",
    );
    await pool.execute("INSERT INTO t VALUES (7)");
    expect(await pairs.next()).toEqual([7]);
  });

  test.runIf(capabilities.fts5)(
    "a full-text index is watched by its name, and so are the texts it is made of",
    async () => {
      const pool = await withTable();
      await pool.executeScript(`
      CREATE VIRTUAL TABLE words USING fts5 (a);
      CREATE VIRTUAL TABLE vocabulary USING fts5vocab (words, row);
      CREATE TABLE texts (id INTEGER PRIMARY KEY, a);
      CREATE VIRTUAL TABLE texts_index USING fts5 (a, content = 'texts', content_rowid = 'id');
      INSERT INTO texts VALUES (1, 'one');
      INSERT INTO texts_index (rowid, a) VALUES (1, 'one')`);
      const words = watch(pool, "SELECT a FROM words ('one') ORDER BY rowid");
      const content = watch(pool, "SELECT c0 AS a FROM words_content");
      const texts = watch(pool, "SELECT a FROM texts_index ('one')");
      const vocabulary = watch(pool, "SELECT cnt AS a FROM vocabulary");
      const all = [words, content, texts, vocabulary];
      await Promise.all(all.map(({ next }) => next()));
      for (let i = 1; i <= 2; i++) {
        await pool.execute("INSERT INTO words VALUES ('one')");
        expect(await words.next()).toHaveLength(i);
        expect(await content.next()).toHaveLength(i);
        expect(await vocabulary.next()).toEqual([i]);
      }
      await pool.execute("UPDATE texts SET a = 'One'");
      expect(await texts.next()).toEqual(["One"]);
      await pool.execute("DELETE FROM words");
      expect(await words.next()).toEqual([]);
    },
  );

  test("changes of the schema reach those they concern", async () => {
    const pool = await withTable();
    const changes = changesOf(pool);
    await pool.executeScript("CREATE VIEW v AS SELECT a FROM t; INSERT INTO other VALUES (8)");
    const rows = watch(pool, "SELECT a FROM v");
    const schema = watch(pool, "SELECT name AS a FROM sqlite_schema WHERE type = 'table'");
    await Promise.all([rows.next(), schema.next()]);
    await pool.batch([{ sql: "DROP VIEW v" }, { sql: "CREATE VIEW v AS SELECT a FROM other" }]);
    expect(await rows.next()).toEqual([8]);
    await pool.execute("INSERT INTO other VALUES (9)");
    expect(await rows.next()).toEqual([8, 9]);
    changes.splice(0);
    await pool.execute("CREATE TABLE another (a)");
    await pool.execute("CREATE TABLE IF NOT EXISTS another (a)");
    expect(changes).toEqual([["another", "sqlite_schema"]]);
    expect(await schema.next()).toEqual(["t", "other", "another"]);
    await pool.execute("ALTER TABLE another RENAME TO renamed");
    expect(await schema.next()).toContain("renamed");
    await pool.execute("DROP TABLE other");
    const error = await rejection(rows.next());
    expect(error.message).toMatch(/no such table/);
    expect(await rows.next()).toBeUndefined();
  });

  test("import and VACUUM are changes of all tables", async () => {
    const pool = await withTable();
    await pool.executeMany("INSERT INTO t VALUES (?)", [[1], [2]]);
    const bytes = await pool.export();
    await pool.executeScript("DELETE FROM t WHERE a = 1; DROP TABLE other; CREATE TABLE late (a)");
    const changes = changesOf(pool);
    const rows = watch(pool, "SELECT rowid AS a FROM t");
    expect(await rows.next()).toEqual([2]);
    await pool.execute("VACUUM");
    expect(await rows.next()).toEqual([1]);
    await pool.import(bytes);
    expect(await rows.next()).toEqual([1, 2]);
    expect(changes).toEqual([
      ["late", "sqlite_schema", "t"],
      ["late", "other", "sqlite_schema", "t"],
    ]);
  });

  test("what SQLite keeps in pragmas and in tables of its own is read after every commit", async () => {
    const pool = await withTable();
    await pool.execute("CREATE TABLE counted (id INTEGER PRIMARY KEY AUTOINCREMENT)");
    const changes = changesOf(pool);
    const sequence = watch(pool, "SELECT seq AS a FROM sqlite_sequence");
    const version = watch(pool, "SELECT user_version AS a FROM pragma_user_version");
    const pragma = pool.watch("PRAGMA user_version");
    await Promise.all([sequence.next(), version.next(), pragma.next()]);
    await pool.execute("INSERT INTO counted DEFAULT VALUES");
    expect(await sequence.next()).toEqual([1]);
    expect(await version.next()).toEqual([0]);
    await pragma.next();
    await pool.execute("PRAGMA user_version = 3");
    expect(await version.next()).toEqual([3]);
    expect((await pragma.next()).value).toEqual([{ user_version: 3 }]);
    expect(changes).toEqual([["counted"]]);
    await pool.execute("UPDATE sqlite_sequence SET seq = 7");
    expect(await sequence.next()).toEqual([7]);
    expect(changes).toEqual([["counted"]]);
  });

  test.runIf(capabilities.dbpage)(
    "what is written to a page is a change of all tables",
    async () => {
      const pool = await withTable();
      const changes = changesOf(pool);
      await pool.execute("UPDATE sqlite_dbpage SET data = data WHERE pgno = 2");
      expect(changes).toEqual([["other", "sqlite_schema", "t"]]);
    },
  );

  test("temporary tables are nobody else's business", async () => {
    const pool = await withTable();
    const changes = changesOf(pool);
    await pool.withConnection((db) =>
      db.executeScript("CREATE TEMP TABLE mine (a); INSERT INTO mine VALUES (1)"),
    );
    expect(changes).toEqual([]);
  });

  test("several watches of one pool, and commits of several connections", async () => {
    const pool = await withTable();
    const sums = [1, 2, 3].map(() => watch(pool, "SELECT sum(a) AS a FROM t"));
    for (const { next } of sums) expect(await next()).toEqual([null]);
    await Promise.all(
      [1, 2, 3].map((a) =>
        pool.withConnection((db) => db.execute("INSERT INTO t VALUES (?)", [a])),
      ),
    );
    for (const { next } of sums) expect(await next()).toEqual([6]);
  });

  test("a watch ends with its loop", async () => {
    const pool = await withTable();
    let seen = 0;
    for await (const _ of pool.watch(VALUES)) {
      if (++seen === 2) break;
      await pool.execute("INSERT INTO t VALUES (1)");
    }
    const watched = watch(pool, VALUES);
    await watched.next();
    const pending = watched.next();
    expect(await watched.rows.return?.()).toEqual({ done: true, value: undefined });
    expect(await pending).toBeUndefined();
    await pool.execute("INSERT INTO t VALUES (1)");
    expect(watched.readings).toBe(1);
    expect(pool.activeCount).toBe(0);
  });

  test("an aborted signal ends a watch with its reason", async () => {
    const pool = await withTable();
    const waiting = new AbortController();
    const watched = watch(pool, VALUES, { signal: waiting.signal });
    await watched.next();
    const pending = rejection(watched.next());
    const reason = new Error("enough");
    waiting.abort(reason);
    expect(await pending).toBe(reason);
    expect(await watched.next()).toBeUndefined();
    const aborted = AbortSignal.abort(reason);
    expect(await rejection(pool.watch(VALUES, [], { signal: aborted }).next())).toBe(reason);
    const between = new AbortController();
    const other = watch(pool, VALUES, { signal: between.signal });
    await other.next();
    between.abort(reason);
    expect(await rejection(other.next())).toBe(reason);
  });

  test("close() ends watches quietly, and a closed pool refuses new ones", async () => {
    const pool = await withTable();
    const watched = watch(pool, VALUES);
    await watched.next();
    const pending = watched.next();
    await pool.close();
    expect(await pending).toBeUndefined();
    expect(await rejection(pool.watch(VALUES).next())).toBeInstanceOf(PoolClosedError);
  });

  test("only what reads rows can be watched, and nothing else is run", async () => {
    const pool = await withTable();
    const changes = changesOf(pool);
    const refused = (sql: unknown, params?: unknown, options?: unknown) =>
      rejection(pool.watch(sql as string, params as never, options as never).next());
    const write = await refused("INSERT INTO t VALUES (1) RETURNING a");
    expect(write).toBeInstanceOf(SqliteError);
    expect(write.code).toBe("SQLITE_READONLY");
    for (const sql of ["BEGIN", "PRAGMA cache_size = 5", 5]) {
      expect(await refused(sql)).toBeInstanceOf(TypeError);
    }
    expect(await refused("")).toBeInstanceOf(SqliteError);
    expect((await refused("SELECT * FROM nowhere")).message).toMatch(/no such table/);
    expect((await refused("SELECT ?", [])).message).toMatch(/parameter/);
    expect(await refused("SELECT ?", [{}])).toBeInstanceOf(TypeError);
    expect(await refused("SELECT 1", [], { every: 5 })).toBeInstanceOf(TypeError);
    expect((await refused("SELECT 1", [], { signal: 5 })).message).toMatch(/AbortSignal/);
    expect(changes).toEqual([]);
    expect(await pool.query("SELECT * FROM t")).toEqual([]);
  });

  test("an error in a later reading ends the watch with it", async () => {
    const pool = await withTable();
    const watched = watch(pool, "SELECT abs(a) AS a FROM t");
    await watched.next();
    await pool.execute("INSERT INTO t VALUES (-9223372036854775807 - 1)");
    expect(await rejection(watched.next())).toBeInstanceOf(SqliteError);
    expect(pool.activeCount).toBe(0);
  });

  test("suspend() delays a watch, resume() lets it go on", async () => {
    const pool = await withTable();
    const watched = watch(pool, VALUES);
    await watched.next();
    await pool.execute("INSERT INTO t VALUES (1)");
    await pool.suspend();
    const pending = watched.next();
    await pool.resume();
    expect(await pending).toEqual([1]);
  });

  test("tables of an attached database are told by its name, too", async () => {
    const pool = await open({
      maxConnections: 2,
      onConnect: (db) => db.execute("ATTACH ':memory:' AS side").then(() => {}),
    });
    await pool.execute("CREATE TABLE t (a)");
    const changes = changesOf(pool);
    await pool.withConnection((db) =>
      db.executeScript("CREATE TABLE side.t (a); INSERT INTO side.t VALUES (1)"),
    );
    expect(changes.splice(0)).toEqual([["side.sqlite_schema", "side.t"]]);
    await pool.withConnection((db) =>
      db.executeScript("CREATE TABLE IF NOT EXISTS side.t (a); VACUUM side"),
    );
    expect(changes).toEqual([["side.sqlite_schema", "side.t", "sqlite_schema", "t"]]);
  });

  test("whatever several connections do, the last rows of a watch are those there are", async () => {
    const step = fc.record({
      connection: fc.nat(2),
      table: fc.constantFrom(...TABLES),
      action: fc.constantFrom(...ACTIONS),
    });
    const pool = await open({ maxConnections: 4 });
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 1, maxLength: 30 }), async (steps) => {
        await pool.executeScript(`
          DROP TABLE IF EXISTS t; DROP TABLE IF EXISTS other; DROP TABLE IF EXISTS logged;
          CREATE TABLE t (a); CREATE TABLE other (a); CREATE TABLE logged (a);
          CREATE TRIGGER log AFTER INSERT ON logged BEGIN INSERT INTO other VALUES (new.a); END`);
        const queries = TABLES.map((name) => `SELECT a FROM ${name} ORDER BY 1`);
        const followed = queries.map((sql) => follow(pool, sql));
        const own = [0, 1, 2].map((n) => steps.filter(({ connection }) => connection === n));
        await Promise.all(own.map((mine) => pool.withConnection((db) => perform(db, mine))));
        for (const [i, sql] of queries.entries()) {
          // A watch that has missed a commit never comes to these rows, nor the test to its end.
          await followed[i]?.until(JSON.stringify(await pool.query(sql)));
        }
        await Promise.all(followed.map(({ end }) => end()));
      }),
      { numRuns: 10 },
    );
  });
});
