import { fork } from "node:child_process";
import { existsSync, mkdirSync, readdirSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import {
  deleteDatabase,
  estimateStorage,
  listDatabases,
  openPool,
  persistStorage,
  StorageError,
} from "sqlite-wasm-pool";
import { expect, test } from "vitest";
import { gate, rejection, useDirectory } from "../helpers/kinds.ts";

const path = useDirectory();

test("listDatabases() finds databases, open ones too, and nothing else", async () => {
  const pool = await openPool(path("b.db"), { threads: 0 });
  await pool.execute("CREATE TABLE t (a)");
  await pool.backup(path("a.db"));
  writeFileSync(path("notes.db"), "no database at all");
  const found = await listDatabases({ directory: path("") });
  expect(found.map((file) => file.path)).toEqual([path("a.db"), path("b.db")]);
  // The log counts: nothing of the table is in the database file yet.
  expect(found[1]?.sizeBytes).toBeGreaterThan(8192);
  await pool.close();
  const missing = await rejection(listDatabases({ directory: path("nowhere") }));
  expect(missing).toBeInstanceOf(StorageError);
});

test("listDatabases({ recursive }) looks into directories, too", async () => {
  mkdirSync(path("tree/deep/deeper"), { recursive: true });
  const names = ["tree/deep/deeper/c.db", "tree/deep/b.db", "tree/a.db"].map(path);
  for (const name of names) await (await openPool(name, { threads: 0 })).close();
  symlinkSync("..", path("tree/deep/up"));
  const paths = async (recursive: boolean) =>
    (await listDatabases({ directory: path("tree"), recursive })).map((file) => file.path);
  expect(await paths(true)).toEqual(names.sort());
  expect(await paths(false)).toEqual([path("tree/a.db")]);
});

test("deleteDatabase() deletes what nobody has open, with its log", async () => {
  const pool = await openPool(path("c.db"), { threads: 0 });
  await pool.execute("CREATE TABLE t (a)");
  expect(await rejection(deleteDatabase(path("c.db")))).toMatchObject({ reason: "locked" });
  expect(await pool.queryValue("SELECT count(*) FROM t")).toBe(0);
  await pool.close();
  await deleteDatabase(path("c.db"));
  const left = await listDatabases({ directory: path("") });
  expect(left.map((file) => file.path)).not.toContain(path("c.db"));
  await deleteDatabase(path("c.db"));
  await deleteDatabase(path("nowhere/c.db"));
  expect(existsSync(path("nowhere"))).toBe(false);
});

test("names of a log, a journal and a lock are refused, whatever is to be done with them", async () => {
  const pool = await openPool(path("l.db"), { threads: 1 });
  await pool.execute("CREATE TABLE t (a)");
  for (const suffix of ["-wal", "-journal"]) {
    const name = path(`l.db${suffix}`);
    for (const call of [
      () => openPool(name),
      () => deleteDatabase(name),
      () => pool.backup(name),
      () => pool.withConnection((db) => db.execute("ATTACH ? AS other", [name])),
    ]) {
      const error = await rejection(call());
      expect(error.message).toContain("another database's log or journal");
    }
  }
  const locked = await rejection(deleteDatabase(path("l.db-lock")));
  expect(locked).toMatchObject({ code: "STORAGE_IO" });
  expect(existsSync(path("l.db-lock"))).toBe(true);
  await pool.execute("INSERT INTO t VALUES (1)");
  expect(await pool.queryValue("SELECT count(*) FROM t")).toBe(1);
  await pool.close();
});

test("errors of calls about whole databases show where they were made", async () => {
  async function whoCalls(call: () => Promise<unknown>) {
    await call();
  }
  await using pool = await openPool(path("whole.db"), { threads: 1 });
  const db = await pool.acquire();
  const damaged = new Uint8Array(5_000);
  damaged.set(new TextEncoder().encode("SQLite format 3\0"));
  for (const call of [
    () => openPool(path("")),
    () => pool.backup(path("nowhere/x.db")),
    () => pool.import(damaged),
    () => db.describe("SELEC"),
  ]) {
    expect((await rejection(whoCalls(call))).stack).toContain("whoCalls");
  }
  expect(pool.stats().replaced).toBe(0);
  await db.release();
});

test("a readonly pool imports nothing, and no pool takes texts for UTF-16", async () => {
  const file = path("only-read.db");
  await (await openPool(file, { threads: 0 })).close();
  const pool = await openPool(file, { threads: 0, readonly: true });
  const bytes = await pool.export();
  expect(await rejection(pool.import(bytes))).toMatchObject({ code: "STORAGE_PERMISSION" });
  await pool.close();
  const utf16 = openPool(path("utf16.db"), { threads: 0, pragmas: { encoding: "UTF-16le" } });
  expect(await rejection(utf16)).toMatchObject({ code: "STORAGE_UNSUPPORTED" });
});

test("what is no path, and what is no option, is a TypeError", async () => {
  for (const wrong of ["", 5, undefined, "a\0b"]) {
    expect(await rejection(deleteDatabase(wrong as never))).toBeInstanceOf(TypeError);
  }
  for (const wrong of [{ recusive: true }, { directory: 5 }, { recursive: "yes" }]) {
    expect(await rejection(listDatabases(wrong as never))).toBeInstanceOf(TypeError);
  }
});

test("a pool deletes nothing that another pool has open", async () => {
  const first = await openPool(path("d.db"), { threads: 1 });
  const second = await openPool(path("d.db"), { threads: 1 });
  await first.execute("CREATE TABLE t (a)");
  expect(await rejection(first.deleteDatabase())).toMatchObject({ code: "STORAGE_LOCKED" });
  // It is as it was, and so are its files.
  await first.execute("INSERT INTO t VALUES (1)");
  await second.execute("INSERT INTO t VALUES (2)");
  await first.close();
  expect(await second.queryValue("SELECT count(*) FROM t")).toBe(2);
  await second.close();
  const again = await openPool(path("d.db"), { threads: 0 });
  expect(await again.queryValue("SELECT count(*) FROM t")).toBe(2);
  await again.deleteDatabase();
  expect(existsSync(path("d.db"))).toBe(false);
});

test("a pool whose files cannot be deleted is closed all the same", async () => {
  const pool = await openPool(path("e.db"), { threads: 0 });
  await pool.execute("CREATE TABLE t (a)");
  // A directory in the way of the journal: it cannot be unlinked.
  mkdirSync(path("e.db-journal"));
  expect(await rejection(pool.deleteDatabase())).toBeInstanceOf(StorageError);
  await pool.close();
  rmSync(path("e.db-journal"), { recursive: true });
  await deleteDatabase(path("e.db"));
});

test("what an import leaves behind in a crash is no database, and goes when its own is next opened", async () => {
  const file = path("f.db");
  const temporaries = () =>
    readdirSync(path("")).filter((name) => /^f\.db-temporary-[0-9a-f]{32}/.test(name));
  const child = fork(new URL("../helpers/hold-pool.js", import.meta.url), [file]);
  const heard = () => new Promise((resolve) => child.once("message", resolve));
  expect(await heard()).toBe("open");
  child.send("import");
  expect(await heard()).toBe("importing");
  // Nobody else can tell that it is not in use: it stays.
  expect(await rejection(openPool(file, { busyTimeout: 0 }))).toMatchObject({ reason: "locked" });
  child.kill("SIGKILL");
  await new Promise((resolve) => child.once("exit", resolve));
  expect(temporaries()).toHaveLength(1);
  const listed = await listDatabases({ directory: path("") });
  expect(listed.map((each) => each.path).filter((each) => each.startsWith(file))).toEqual([file]);
  const pool = await openPool(file, { threads: 0 });
  expect(temporaries()).toEqual([]);
  await pool.close();
});

test("temporary files are deleted with their database, and only with that", async () => {
  const digits = "0123456789abcdef0123456789abcdef";
  const names = ["g.db-temporary-", "g.db-temporary-1-temporary-", "other.db-temporary-"];
  for (const name of names) writeFileSync(path(name + digits), "");
  writeFileSync(path(`g.db-temporary-${digits}-wal`), "");
  writeFileSync(path("g.db-temporary-0"), "");
  await deleteDatabase(path("g.db"));
  const left = readdirSync(path("")).filter((name) => name.includes("-temporary-"));
  expect(left.sort()).toEqual([
    "g.db-temporary-0",
    `g.db-temporary-1-temporary-${digits}`,
    `other.db-temporary-${digits}`,
  ]);
  const taken = await rejection(openPool(path(`h.db-temporary-${digits}`)));
  expect(taken).toMatchObject({ name: "StorageError", reason: "io" });
});

test("estimateStorage() and persistStorage() tell of the disk", async () => {
  const { usageBytes, quotaBytes, persisted } = await estimateStorage();
  expect(usageBytes).toBeGreaterThan(0);
  expect(quotaBytes).toBeGreaterThan(usageBytes);
  expect(persisted).toBe(true);
  expect(await persistStorage()).toBe(true);
});

test("every connection of one thread attaches a stored database in onConnect", async () => {
  const other = path("attached-by-all.db");
  const pool = await openPool(path("attaches.db"), {
    threads: 1,
    maxConnections: 2,
    onConnect: async (db) => {
      await db.execute("ATTACH ? AS other", [other]);
      await db.execute("CREATE TABLE IF NOT EXISTS other.t (a)");
    },
  });
  const [one, two] = [await pool.acquire(), await pool.acquire()];
  await one.execute("INSERT INTO other.t VALUES (1)");
  expect(await two.queryValue("SELECT count(*) FROM other.t")).toBe(1);
  await pool.close({ timeout: 0 });
});

test.each([0, 1])(
  "an import() that is aborted, or ended by close(), leaves no file behind: %s threads",
  async (threads) => {
    const before = readdirSync(path("."));
    const name = `interrupted-${threads}.db`;
    const pool = await openPool(path(name), { threads, maxConnections: 1 });
    const header = new Uint8Array(4096);
    new TextEncoder().encodeInto("SQLite format 3\0", header);
    const stalled = () => {
      const begun = gate();
      const stream = new ReadableStream<Uint8Array>(
        {
          start: (controller) => controller.enqueue(header),
          pull: () => begun.open(),
        },
        { highWaterMark: 1 },
      );
      return { begun, stream };
    };
    const [first, second] = [stalled(), stalled()];
    const controller = new AbortController();
    const aborted = rejection(pool.import(first.stream, { signal: controller.signal }));
    await first.begun.promise;
    controller.abort(new Error("enough"));
    expect(await aborted).toBe(controller.signal.reason);
    const ended = rejection(pool.import(second.stream));
    await second.begun.promise;
    await pool.close({ timeout: 0 });
    expect(await ended).toMatchObject({
      code: "POOL_CLOSED",
      message: expect.stringContaining("open another one"),
    });
    const left = readdirSync(path(".")).filter((name) => !before.includes(name));
    expect(left.filter((file) => file !== name && file !== `${name}-wal`)).toEqual([]);
  },
);

test.each([0, 1])(
  "a readonly pool reads the log that another pool makes after it: %s threads",
  async (threads) => {
    const file = path(`late-log-${threads}.db`);
    await using first = await openPool(file, { threads });
    await first.executeScript("CREATE TABLE t (a); INSERT INTO t VALUES (1)");
    await first.close();
    expect(existsSync(`${file}-wal`)).toBe(false);
    await using reader = await openPool(file, { threads, readonly: true });
    const count = () => reader.queryValue("SELECT count(*) FROM t");
    expect(await count()).toBe(1);
    await using writer = await openPool(file, { threads });
    await writer.execute("INSERT INTO t VALUES (2)");
    expect(await count()).toBe(2);
    await writer.checkpoint("truncate");
    expect(await count()).toBe(2);
    await writer.execute("INSERT INTO t VALUES (3)");
    expect(await count()).toBe(3);
  },
);
