// The files are ordinary SQLite files: native SQLite wrote them, or reads them.

import { copyFileSync, existsSync, readFileSync, rmSync, statSync } from "node:fs";
import { fileURLToPath } from "node:url";
import Database from "better-sqlite3";
import { type JournalMode, openPool } from "sqlite-wasm-pool";
import { describe, expect, test } from "vitest";
import { rejection, useDirectory } from "../helpers/kinds.ts";
import { native, nativeValue } from "../helpers/native.ts";

const FILL = `CREATE TABLE t (id INTEGER PRIMARY KEY, a TEXT);
  WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 1000)
  INSERT INTO t SELECT i, hex(randomblob(50)) FROM n;`;
const COUNT = "SELECT count(*) FROM t";
const PAGE_SIZES = [512, 1024, 2048, 4096, 8192, 16384, 32768, 65536];

describe.each([0, 2])("with %i threads", (threads) => {
  const path = useDirectory();

  test.each(PAGE_SIZES)(
    "a native WAL database with pages of %i bytes is read and written",
    async (size) => {
      const file = path(`native-${size}.db`);
      {
        using db = native(file);
        db.pragma(`page_size = ${size}`);
        db.pragma("journal_mode = wal");
        db.exec(FILL);
      }
      await using pool = await openPool(file, { threads, maxConnections: 2 });
      expect(await pool.queryValue("PRAGMA page_size")).toBe(size);
      expect(await pool.queryValue(COUNT)).toBe(1000);
      await pool.executeMany(
        "INSERT INTO t (a) VALUES (?)",
        Array.from({ length: 500 }, (_, i) => [`x${i}`]),
      );
      expect(await pool.queryValue("PRAGMA integrity_check")).toBe("ok");
      await pool.close();
      expect(nativeValue(file, COUNT)).toBe(1500);
    },
  );

  test.each(PAGE_SIZES)(
    "a database of ours with pages of %i bytes is read natively",
    async (size) => {
      const file = path(`ours-${size}.db`);
      await using pool = await openPool(file, {
        threads,
        journalMode: "delete",
        pragmas: { page_size: size },
      });
      await pool.executeScript(FILL);
      await pool.close();
      const wal = await openPool(file, { threads });
      await wal.execute("INSERT INTO t (a) VALUES ('y')");
      await wal.close();
      using db = native(file);
      expect(db.pragma("page_size", { simple: true })).toBe(size);
      expect(nativeValue(file, COUNT)).toBe(1001);
    },
  );

  describe.each(["UTF-16le", "UTF-16be"])("a database in %s", (encoding) => {
    const refused = { code: "STORAGE_UNSUPPORTED", message: expect.stringContaining(encoding) };
    function fill(db: Database.Database): void {
      db.pragma(`encoding = "${encoding}"`);
      db.exec("CREATE TABLE t (a); INSERT INTO t VALUES ('h\u00e9llo \u{1f600}')");
    }

    test("is refused, and is what it was", async () => {
      const file = path(`${encoding}.db`);
      {
        using db = native(file);
        fill(db);
      }
      const before = readFileSync(file);
      expect(await rejection(openPool(file, { threads }))).toMatchObject(refused);
      await using pool = await openPool(path(`beside-${encoding}.db`), { threads });
      await pool.execute("CREATE TABLE mine (a)");
      const attaching = pool.execute("ATTACH ? AS other", [file]);
      expect(await rejection(attaching)).toMatchObject(refused);
      const importing = await rejection(pool.import(before));
      expect(importing).toMatchObject(refused);
      expect(importing.message).toMatch(/^what was to be imported keeps its text in /);
      expect(await rejection(pool.backup(file))).toMatchObject(refused);
      expect(await pool.queryValue("SELECT count(*) FROM mine")).toBe(0);
      expect(readFileSync(file).equals(before)).toBe(true);
    });

    test("is refused without a table as well, and where only the log says so", async () => {
      const file = path(`empty-${encoding}.db`);
      const copy = path(`copy-${encoding}.db`);
      using db = native(file);
      db.pragma("journal_mode = wal");
      db.pragma("wal_autocheckpoint = 0");
      fill(db);
      for (const suffix of ["", "-wal"]) copyFileSync(file + suffix, copy + suffix);
      expect(await rejection(openPool(copy, { threads }))).toMatchObject(refused);
      db.exec("DROP TABLE t");
      db.pragma("journal_mode = delete");
      copyFileSync(file, copy);
      rmSync(`${copy}-wal`);
      expect(await rejection(openPool(copy, { threads }))).toMatchObject(refused);
    });

    test("is read and written by sql.js", async () => {
      const file = path(`sql-js-${encoding}.db`);
      {
        using db = native(file);
        fill(db);
      }
      await using pool = await openPool(file, { threads, engine: "sql.js" });
      expect(await pool.queryValue("SELECT a FROM t")).toBe("h\u00e9llo \u{1f600}");
      await pool.execute("INSERT INTO t VALUES ('\u00fc')");
      await pool.close();
      expect(nativeValue(file, "SELECT count(*) FROM t WHERE a = '\u00fc'")).toBe(1);
    });
  });

  test("a hot -wal left by native SQLite is recovered", async () => {
    const file = path("hot-wal.db");
    const copy = path("hot-wal-copy.db");
    using db = native(file);
    db.pragma("journal_mode = wal");
    db.pragma("wal_autocheckpoint = 0");
    db.exec(FILL);
    db.exec("INSERT INTO t (a) VALUES ('last')");
    for (const suffix of ["", "-wal"]) copyFileSync(file + suffix, copy + suffix);
    expect(statSync(`${copy}-wal`).size).toBeGreaterThan(50_000);
    await using pool = await openPool(copy, { threads, maxConnections: 3 });
    expect(await pool.queryValue(COUNT)).toBe(1001);
    expect(await pool.queryValue("PRAGMA integrity_check")).toBe("ok");
  });

  test("a torn last commit of a -wal is ignored, those before it are kept", async () => {
    const file = path("torn-wal.db");
    const copy = path("torn-wal-copy.db");
    using db = native(file);
    db.pragma("journal_mode = wal");
    db.pragma("wal_autocheckpoint = 0");
    db.exec(FILL);
    const sound = statSync(`${file}-wal`).size;
    db.exec("UPDATE t SET a = 'torn'");
    for (const suffix of ["", "-wal"]) copyFileSync(file + suffix, copy + suffix);
    const { truncateSync } = await import("node:fs");
    truncateSync(`${copy}-wal`, sound + 3000);
    await using pool = await openPool(copy, { threads });
    expect(await pool.queryValue("SELECT count(*) FROM t WHERE a = 'torn'")).toBe(0);
    expect(await pool.queryValue(COUNT)).toBe(1000);
    expect(await pool.queryValue("PRAGMA integrity_check")).toBe("ok");
  });

  test("a hot -journal left by native SQLite is rolled back", async () => {
    const file = path("hot-journal.db");
    const copy = path("hot-journal-copy.db");
    using db = native(file);
    db.exec(FILL);
    db.pragma("cache_size = 2");
    db.pragma("cache_spill = 1");
    db.exec("BEGIN; UPDATE t SET a = 'gone' || a");
    for (const suffix of ["", "-journal"]) copyFileSync(file + suffix, copy + suffix);
    db.exec("ROLLBACK");
    await using pool = await openPool(copy, { threads });
    expect(await pool.queryValue("SELECT count(*) FROM t WHERE a LIKE 'gone%'")).toBe(0);
    expect(await pool.queryValue("PRAGMA integrity_check")).toBe("ok");
    expect(existsSync(`${copy}-journal`)).toBe(false);
  });

  test("a -wal of ours is recovered by native SQLite", async () => {
    const file = path("our-wal.db");
    const copy = path("our-wal-copy.db");
    await using pool = await openPool(file, { threads, pragmas: { wal_autocheckpoint: 0 } });
    await pool.executeScript(FILL);
    await pool.execute("INSERT INTO t (a) VALUES ('last')");
    for (const suffix of ["", "-wal"]) copyFileSync(file + suffix, copy + suffix);
    expect(nativeValue(copy, COUNT)).toBe(1001);
  });

  test.each<JournalMode>(["wal", "delete", "truncate", "persist", "memory", "off"])(
    "journal mode %s works with several connections",
    async (journalMode) => {
      const file = path(`mode-${journalMode}.db`);
      await using pool = await openPool(file, {
        threads,
        journalMode,
        maxConnections: 4,
        busyTimeout: 30_000,
      });
      expect(pool.stats().journalMode).toBe(journalMode);
      expect(pool.capabilities.wal).toBe(journalMode === "wal");
      await pool.executeScript(FILL);
      const writes = Array.from({ length: 20 }, (_, i) =>
        pool.execute("INSERT INTO t (a) VALUES (?)", [`w${i}`]),
      );
      const reads = Array.from({ length: 20 }, () => pool.queryValue(COUNT));
      await Promise.all(writes);
      for (const count of await Promise.all(reads)) expect(count).toBeGreaterThanOrEqual(1000);
      const snapshots = Array.from({ length: 4 }, () =>
        pool.read(async (db) =>
          expect(await db.queryValue(COUNT)).toBe(await db.queryValue(COUNT)),
        ),
      );
      await Promise.all([...snapshots, pool.execute("INSERT INTO t (a) VALUES ('x')")]);
      if (journalMode !== "off") {
        const failing = pool.write(async (db) => {
          await db.execute("DELETE FROM t");
          throw new Error("no");
        });
        await expect(failing).rejects.toThrow("no");
      }
      expect(await pool.queryValue(COUNT)).toBe(1021);
      expect(await pool.queryValue("PRAGMA integrity_check")).toBe("ok");
      await pool.close();
      expect(nativeValue(file, COUNT)).toBe(1021);
    },
  );

  test("readers of one instance and of several see a write in a rollback-journal mode", async () => {
    await using pool = await openPool(path("coherent.db"), {
      threads,
      journalMode: "delete",
      maxConnections: 4,
    });
    await pool.execute("CREATE TABLE t (a)");
    const leases = await Promise.all(Array.from({ length: 4 }, () => pool.acquire()));
    for (const [i, writer] of leases.entries()) {
      await writer.execute("INSERT INTO t VALUES (1)");
      for (const db of leases) expect(await db.queryValue(COUNT)).toBe(i + 1);
    }
    for (const db of leases) await db.release();
  });
});

const CHINOOK = fileURLToPath(new URL("../../../shared/data/chinook.sqlite", import.meta.url));
test.skipIf(!existsSync(CHINOOK))(
  "a real database reads as natively, whatever the query",
  async () => {
    const path = useCopy();
    copyFileSync(CHINOOK, path);
    const queries = [
      "SELECT * FROM Track ORDER BY TrackId",
      "SELECT a.Name, count(*) n FROM Artist a JOIN Album USING (ArtistId) GROUP BY 1 ORDER BY n DESC, 1",
      "SELECT BillingCountry, round(sum(Total), 2) s FROM Invoice GROUP BY 1 ORDER BY 2 DESC",
      "SELECT * FROM Customer WHERE LastName LIKE '%ö%' OR City GLOB '*[^a-zA-Z ]*'",
      "SELECT name, sql FROM sqlite_schema ORDER BY 1",
    ];
    const db = new Database(path, { readonly: true });
    const expected = queries.map((sql) => db.prepare(sql).all());
    db.close();
    await using pool = await openPool(path, { maxConnections: 3 });
    expect(await Promise.all(queries.map((sql) => pool.query(sql)))).toEqual(expected);
    for (const [i, sql] of queries.entries()) {
      const rows: unknown[] = [];
      for await (const row of pool.iterate(sql, [], { chunkSize: 97 })) rows.push(row);
      expect(rows).toEqual(expected[i]);
    }
  },
);

function useCopy(): string {
  return COPIES("chinook.db");
}
const COPIES = useDirectory();
