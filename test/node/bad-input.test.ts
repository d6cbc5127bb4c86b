// Whatever is wrong: a typed error that says what to do, nothing lost, the pool alive afterwards.

import { execFileSync } from "node:child_process";
import {
  chmodSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { openPool, PoolError, type PoolOptions, SqliteError, StorageError } from "sqlite-wasm-pool";
import { afterAll, describe, expect, test } from "vitest";
import { rejection, useDirectory } from "../helpers/kinds.ts";
import { native, nativeValue } from "../helpers/native.ts";

/** What opening gives a user that owns nothing: "open", or the code of the error. */
function openedByNobody(file: string, options: PoolOptions): string {
  // For root no file is forbidden.
  const nobody = process.getuid?.() === 0 ? { uid: 65534, gid: 65534 } : {};
  const script = `import { openPool } from ${JSON.stringify(import.meta.resolve("sqlite-wasm-pool"))};
    try {
      const pool = await openPool(${JSON.stringify(file)}, ${JSON.stringify(options)});
      await pool.query("SELECT * FROM sqlite_schema");
      await pool.close();
      console.log("open");
    } catch ({ code }) {
      console.log(code);
    }`;
  const args = ["--input-type=module", "-e", script];
  return execFileSync(process.execPath, args, { ...nobody, encoding: "utf8" }).trim();
}

describe.each([0, 1])("with %i threads", (threads) => {
  const path = useDirectory();
  const open = (file: string, options?: PoolOptions) => openPool(file, { threads, ...options });

  test("a file that is no database", async () => {
    const file = path("text.db");
    const text = "this is not a database, ".repeat(100);
    writeFileSync(file, text);
    const error = await rejection(open(file));
    expect(error).toBeInstanceOf(StorageError);
    expect(error).toBeInstanceOf(PoolError);
    expect(error).toMatchObject({ reason: "corrupt", code: "STORAGE_CORRUPT" });
    expect(error.cause).toMatchObject({ code: "SQLITE_NOTADB" });
    expect(error.message).toContain(file);
    expect(readFileSync(file, "utf8")).toBe(text);
    expect(existsSync(`${file}-lock`)).toBe(false);
  });

  test("a truncated database", async () => {
    const file = path("truncated.db");
    {
      using db = native(file);
      db.exec(
        "CREATE TABLE t (a); WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 5000) INSERT INTO t SELECT hex(randomblob(50)) FROM n",
      );
    }
    const bytes = readFileSync(file);
    writeFileSync(file, bytes.subarray(0, 4096 * 10 + 100));
    const error = await rejection(
      (async () => {
        await using pool = await open(file);
        await pool.query("SELECT * FROM t");
      })(),
    );
    expect(error).toMatchObject({ name: "StorageError", reason: "corrupt" });
    writeFileSync(file, bytes.subarray(0, 50));
    expect(await rejection(open(file))).toMatchObject({ reason: "corrupt" });
  });

  test("damage in one table leaves the others readable", async () => {
    const file = path("damaged.db");
    {
      using db = native(file);
      db.exec(
        "CREATE TABLE good (a); INSERT INTO good VALUES (1); CREATE TABLE bad (a); WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 1000) INSERT INTO bad SELECT hex(randomblob(50)) FROM n",
      );
    }
    const bytes = readFileSync(file);
    bytes.fill(0x77, 4096 * 4, 4096 * 8);
    writeFileSync(file, bytes);
    await using pool = await open(file);
    expect(await rejection(pool.query("SELECT * FROM bad"))).toMatchObject({ reason: "corrupt" });
    expect(await pool.queryValue("SELECT a FROM good")).toBe(1);
  });

  test("a directory, and a directory that is not there", async () => {
    mkdirSync(path("directory"), { recursive: true });
    const directory = await rejection(open(path("directory")));
    expect(directory).toBeInstanceOf(StorageError);
    expect(directory.message).toMatch(/directory/);
    const missing = await rejection(open(path("no/such/place.db")));
    expect(missing).toBeInstanceOf(StorageError);
    expect(missing.message).toContain("ENOENT");
    expect(existsSync(path("directory-lock"))).toBe(false);
  });

  test("a file that is not to be created", async () => {
    for (const options of [{ create: false }, { readonly: true }]) {
      expect(await rejection(open(path("absent.db"), options))).toBeInstanceOf(StorageError);
      expect(existsSync(path("absent.db"))).toBe(false);
    }
    expect(
      await rejection(open(path("absent.db"), { readonly: true, create: true })),
    ).toBeInstanceOf(TypeError);
  });

  test("a path with NUL, an empty one, none at all", async () => {
    for (const wrong of ["a\0b", "", undefined, 5, null]) {
      expect(await rejection(open(wrong as string))).toBeInstanceOf(TypeError);
    }
  });

  test.each([
    ["maxConections", { maxConections: 3 }, TypeError, "maxConections"],
    ["maxConnections", { maxConnections: 0 }, RangeError, "maxConnections"],
    ["maxConnections", { maxConnections: 1.5 }, RangeError, "maxConnections"],
    ["maxConnections", { maxConnections: "5" }, TypeError, "maxConnections"],
    ["acquireTimeout", { acquireTimeout: -1 }, RangeError, "acquireTimeout"],
    ["busyTimeout", { busyTimeout: Number.NaN }, RangeError, "busyTimeout"],
    ["journalMode", { journalMode: "WAL2" }, RangeError, "journalMode"],
    ["integers", { integers: true }, TypeError, "integers"],
    ["pragmas", { pragmas: { "x; DROP TABLE t": 1 } }, TypeError, "pragmas"],
    ["pragmas", { pragmas: { cache_size: {} } }, TypeError, "pragmas.cache_size"],
    ["threads", { threads: -1 }, RangeError, "threads"],
    ["storage", { storage: "floppy" }, RangeError, "storage"],
    ["onConnect", { onConnect: 1 }, TypeError, "onConnect"],
    ["signal", { signal: {} }, TypeError, "signal"],
  ])("a wrong option is named: %s %j", async (_name, options, kind, named) => {
    const file = path("options.db");
    const error = await rejection(open(file, options as never));
    expect(error).toBeInstanceOf(kind);
    expect(error.message).toContain(named);
    expect(existsSync(file)).toBe(false);
  });

  test("a storage that is not available here", async () => {
    for (const options of [{ storage: "opfs" }, { storage: "indexeddb" }] as const) {
      expect(await rejection(open(path("x.db"), options))).toMatchObject({ reason: "unsupported" });
    }
  });

  test("a database in memory is new, whatever `create` says, and of no use readonly", async () => {
    await using pool = await openPool(":memory:", { threads, create: false });
    await pool.execute("CREATE TABLE t (a)");
    for (const path of [":memory:", "x.db"]) {
      const opening = openPool(path, { threads, storage: "memory", readonly: true });
      const error = await rejection(opening);
      expect(error).toBeInstanceOf(TypeError);
      expect(error.message).toContain("memory");
    }
  });

  test("an aborted opening", async () => {
    const reason = new Error("not now");
    expect(await rejection(open(path("x.db"), { signal: AbortSignal.abort(reason) }))).toBe(reason);
    const controller = new AbortController();
    const opening = rejection(open(path("x.db"), { signal: controller.signal }));
    controller.abort(reason);
    expect(await opening).toBe(reason);
    await using pool = await open(path("x.db"));
    expect(await pool.queryValue("SELECT 1")).toBe(1);
  });

  test("an onConnect that fails", async () => {
    const failure = new Error("no");
    const opening = open(path("y.db"), {
      onConnect: async () => {
        throw failure;
      },
    });
    expect(await rejection(opening)).toBe(failure);
    expect(existsSync(path("y.db-lock"))).toBe(false);
  });

  test("a readonly pool reads, and refuses to write", async () => {
    const file = path("readonly.db");
    {
      await using writer = await open(file);
      await writer.executeScript("CREATE TABLE t (a); INSERT INTO t VALUES (1)");
    }
    const before = readFileSync(file);
    await using pool = await open(file, { readonly: true, maxConnections: 2 });
    expect(await pool.queryValue("SELECT a FROM t")).toBe(1);
    expect(await pool.read((db) => db.queryValue("SELECT a FROM t"))).toBe(1);
    for (const writing of [
      pool.execute("INSERT INTO t VALUES (2)"),
      pool.write((db) => db.execute("DELETE FROM t")),
      pool.executeMany("INSERT INTO t VALUES (?)", [[1]]),
      pool.executeScript("DELETE FROM t"),
      pool.withConnection((db) => db.execute("INSERT INTO t VALUES (2)")),
    ]) {
      expect(await rejection(writing)).toMatchObject({ code: "SQLITE_READONLY" });
    }
    await pool.close();
    expect(readFileSync(file).equals(before)).toBe(true);
  });

  test("a pool goes on after errors of every kind", async () => {
    await using pool = await open(path("alive.db"), { maxConnections: 2 });
    await pool.execute("CREATE TABLE t (a UNIQUE)");
    for (let i = 0; i < 50; i++) {
      await rejection(pool.query("SELEC 1"));
      await rejection(pool.query("SELECT ?", []));
      await rejection(pool.query("SELECT 1; SELECT 2"));
      await rejection(
        pool.batch([{ sql: "INSERT INTO t VALUES (1)" }, { sql: "INSERT INTO t VALUES (1)" }]),
      );
      await rejection(pool.write(() => Promise.reject(new Error("mine"))));
      await rejection(pool.query(undefined as never));
    }
    expect(pool.activeCount).toBe(0);
    expect(pool.stats()).toMatchObject({ replaced: 0 });
    expect(await pool.queryValue("SELECT count(*) FROM t")).toBe(0);
    await pool.execute("INSERT INTO t VALUES (1)");
  });

  test("a file deleted under the pool fails commits, checkpoints and new connections, and is never replaced in silence", async () => {
    const file = path("vanishing.db");
    await using pool = await open(file, { maxConnections: 3 });
    await pool.execute("CREATE TABLE t (a)");
    const held = await pool.acquire();
    for (const suffix of ["", "-wal"]) rmSync(file + suffix);
    expect(await rejection(pool.query("SELECT 1"))).toMatchObject({ reason: "io" });
    expect(existsSync(file)).toBe(false);
    writeFileSync(file, "");
    expect((await rejection(pool.query("SELECT 1"))).message).toContain("replaced");
    for (const synchronous of ["off", "normal", "full"]) {
      await held.execute(`PRAGMA synchronous = ${synchronous}`);
      const refused = await rejection(held.execute("INSERT INTO t VALUES (1)"));
      expect(refused).toMatchObject({ name: "StorageError", reason: "io" });
      expect(refused.message).toContain("deleted");
    }
    expect(await held.queryValue("SELECT count(*) FROM t")).toBe(0);
    const lost = await rejection(held.execute("PRAGMA wal_checkpoint"));
    expect(lost).toMatchObject({ name: "StorageError", reason: "io" });
    expect(lost.message).toContain("deleted");
    await held.release();
    expect(pool.stats().replaced).toBe(1);
    await pool.close();
    await using again = await open(file);
    expect(await again.queryValue("SELECT count(*) FROM sqlite_schema")).toBe(0);
  });

  test("what takes the name of a deleted database gets nothing of its log", async () => {
    const [file, other] = [path("taken.db"), path("taking.db")];
    await using taking = await open(other);
    await taking.executeScript("CREATE TABLE mine (a); INSERT INTO mine VALUES (1)");
    await taking.close();
    await using pool = await open(file, { maxConnections: 3 });
    await pool.executeScript("CREATE TABLE t (a); INSERT INTO t VALUES (2)");
    renameSync(other, file);
    expect(await rejection(pool.execute("INSERT INTO t VALUES (3)"))).toMatchObject({
      reason: "io",
    });
    expect(await rejection(pool.query("SELECT * FROM t"))).toMatchObject({ reason: "io" });
    await pool.close();
    expect(existsSync(`${file}-wal`)).toBe(false);
    await using again = await open(file);
    expect(await again.query("SELECT name FROM sqlite_schema")).toEqual([{ name: "mine" }]);
    expect(await again.queryValue("SELECT a FROM mine")).toBe(1);
  });

  test.each(["delete", "truncate", "persist"] as const)(
    "what takes the name of a deleted database gets nothing of its journal: %s",
    async (journalMode) => {
      for (const [when, synchronous] of [
        ["before", "full"],
        ["before", "off"],
        ["during", "full"],
        ["during", "normal"],
      ] as const) {
        const [file, other] = [path(`j-${journalMode}.db`), path("restored.db")];
        for (const name of [file, `${file}-journal`]) rmSync(name, { force: true });
        await using restored = await open(other, { journalMode: "delete" });
        await restored.executeScript(`DROP TABLE IF EXISTS mine; CREATE TABLE mine (a, b);
          WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 500)
          INSERT INTO mine SELECT i, hex(randomblob(20)) FROM n`);
        await restored.close();
        await using pool = await open(file, { journalMode, synchronous });
        await pool.executeScript(`CREATE TABLE t (a, b);
          INSERT INTO t VALUES (1, zeroblob(9000)), (2, zeroblob(9000))`);
        if (when === "before") renameSync(other, file);
        const writing = rejection(
          pool.write(async (db) => {
            await db.execute("UPDATE t SET a = a + 1, b = zeroblob(8000)");
            if (when === "during") renameSync(other, file);
          }),
        );
        expect(await writing).toMatchObject({ name: "StorageError", reason: "io" });
        await pool.close();
        await using again = await open(file, { journalMode: "delete" });
        expect(await again.queryValue("PRAGMA integrity_check")).toBe("ok");
        expect(await again.queryValue("SELECT count(*) FROM mine")).toBe(500);
        await again.close();
      }
    },
  );

  test("an attached database that was replaced is not taken for the one it was", async () => {
    const [file, other] = [path("attached.db"), path("attached-new.db")];
    for (const name of [file, other]) {
      await using pool = await open(name);
      await pool.execute("CREATE TABLE t AS SELECT ? AS a", [name]);
      await pool.close();
    }
    await using pool = await open(path("attaching.db"), { threads: 1, maxConnections: 2 });
    const [one, two] = [await pool.acquire(), await pool.acquire()];
    await one.execute("ATTACH ? AS other", [file]);
    expect(await one.queryValue("SELECT a FROM other.t")).toBe(file);
    renameSync(other, file);
    const refused = await rejection(two.execute("ATTACH ? AS other", [file]));
    expect(refused.message).toContain("replaced");
    await one.execute("DETACH other");
    await two.execute("ATTACH ? AS other", [file]);
    expect(await two.queryValue("SELECT a FROM other.t")).toBe(other);
    await one.release();
    await two.release();
  });

  test("a database that was moved takes no commits, and keeps its log to follow", async () => {
    const [file, moved] = [path("moving.db"), path("moved.db")];
    await using pool = await open(file);
    await pool.executeScript("CREATE TABLE t (a); INSERT INTO t VALUES (2)");
    renameSync(file, moved);
    expect(await rejection(pool.execute("INSERT INTO t VALUES (3)"))).toMatchObject({
      reason: "io",
    });
    await pool.close();
    renameSync(`${file}-wal`, `${moved}-wal`);
    await using again = await open(moved);
    expect(await again.query("SELECT a FROM t")).toEqual([{ a: 2 }]);
  });

  test("a file without permission", () => {
    const file = path("forbidden.db");
    writeFileSync(file, "");
    chmodSync(file, 0);
    chmodSync(path("."), 0o755);
    expect(openedByNobody(file, { threads })).toBe("STORAGE_PERMISSION");
    expect(openedByNobody(file, { threads, readonly: true })).toBe("STORAGE_PERMISSION");
    expect(openedByNobody(path("in-a-directory-of-another.db"), { threads })).toBe(
      "STORAGE_PERMISSION",
    );
    writeFileSync(path("others.db"), readFileSync(path("alive.db")));
    chmodSync(path("others.db"), 0o644);
    expect(openedByNobody(path("others.db"), { threads })).toBe("STORAGE_PERMISSION");
    expect(openedByNobody(path("others.db"), { threads, readonly: true })).toBe("open");
  });

  test("blobs and texts of 100 MB round-trip", async () => {
    await using pool = await open(path("large.db"), { journalMode: "delete", synchronous: "off" });
    await pool.execute("CREATE TABLE t (a)");
    const size = 100_000_000;
    const blob = new Uint8Array(size).fill(1);
    for (let i = 0; i < size; i += 4099) blob[i] = i;
    await pool.execute("INSERT INTO t VALUES (?)", [blob]);
    const back = (await pool.queryValue<Uint8Array>("SELECT a FROM t")) ?? new Uint8Array();
    expect(Buffer.compare(blob, back)).toBe(0);
    const text = "é".repeat(10_000_000);
    expect((await pool.queryValue("SELECT ?", [text])) === text).toBe(true);
  });
});

// A small file system of its own, where the machine allows to mount one.
const copies = useDirectory();
const mounted = mountSmall();
describe.skipIf(mounted === undefined).each([0, 2])(
  "on a full disk, with %i threads",
  (threads) => {
    test("a commit that does not fit fails with `quota`, and nothing before it is lost", async () => {
      const file = `${mounted}/full-${threads}.db`;
      const pool = await openPool(file, { threads, maxConnections: 2 });
      await pool.execute("CREATE TABLE t (a)");
      let stored = 0;
      const failed = await rejection(
        (async () => {
          for (;;) {
            await pool.execute("INSERT INTO t VALUES (zeroblob(100000))");
            stored++;
          }
        })(),
      );
      expect(failed).toBeInstanceOf(StorageError);
      expect(failed).toMatchObject({ reason: "quota", code: "STORAGE_QUOTA" });
      expect(stored).toBeGreaterThan(3);
      expect(await pool.queryValue("SELECT count(*) FROM t")).toBe(stored);
      expect(await pool.queryValue("PRAGMA integrity_check")).toBe("ok");
      await pool.close();
      // Native SQLite needs room for its -shm file.
      const elsewhere = copies(`full-${threads}.db`);
      for (const suffix of ["", "-wal"]) {
        if (existsSync(file + suffix)) copyFileSync(file + suffix, elsewhere + suffix);
        rmSync(file + suffix, { force: true });
      }
      expect(nativeValue(elsewhere, "SELECT count(*) FROM t")).toBe(stored);
    });
  },
);

test.skipIf(mounted === undefined)(
  "a read-only file system serves readonly pools, and refuses others",
  async () => {
    const file = `${mounted}/frozen.db`;
    {
      await using pool = await openPool(file);
      await pool.executeScript("CREATE TABLE t (a); INSERT INTO t VALUES (1)");
    }
    execFileSync("mount", ["-o", "remount,ro", String(mounted)]);
    try {
      expect(await rejection(openPool(file))).toMatchObject({ reason: "permission" });
      await using pool = await openPool(file, { readonly: true, maxConnections: 2 });
      expect(await pool.queryValue("SELECT a FROM t")).toBe(1);
      expect(await rejection(pool.execute("DELETE FROM t"))).toBeInstanceOf(SqliteError);
    } finally {
      execFileSync("mount", ["-o", "remount,rw", String(mounted)]);
    }
  },
);

function mountSmall(): string | undefined {
  const directory = useDirectory()("small");
  try {
    mkdirSync(directory);
    execFileSync("mount", ["-t", "tmpfs", "-o", "size=1m", "tmpfs", directory], {
      stdio: "ignore",
    });
  } catch {
    return undefined;
  }
  afterAll(() => execFileSync("umount", ["-l", directory], { stdio: "ignore" }));
  return directory;
}
