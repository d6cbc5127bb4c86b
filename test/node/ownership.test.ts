// One process, and in it one thread, owns a database file.

import { type ChildProcess, fork } from "node:child_process";
import { existsSync, symlinkSync } from "node:fs";
import { Worker } from "node:worker_threads";
import { openPool, StorageError } from "sqlite-wasm-pool";
import { afterEach, expect, test } from "vitest";
import { rejection, useDirectory } from "../helpers/kinds.ts";

const path = useDirectory();
const HOLDER = new URL("../helpers/hold-pool.js", import.meta.url);
const children: ChildProcess[] = [];
afterEach(() => {
  for (const child of children.splice(0)) child.kill("SIGKILL");
});

/** Another process that opens a pool on `file` and keeps it; resolves with what it says first. */
async function otherProcess(
  file: string,
  busyTimeout = 0,
): Promise<{ child: ChildProcess; said: string }> {
  const child = fork(HOLDER, [file, String(busyTimeout)]);
  children.push(child);
  const said = await new Promise<string>((resolve) =>
    child.once("message", (m) => resolve(String(m))),
  );
  return { child, said };
}

const gone = (child: ChildProcess) => new Promise((resolve) => child.once("exit", resolve));

test("a second process is refused with `locked`, and told who has the file", async () => {
  const file = path("a.db");
  await using pool = await openPool(file);
  await pool.execute("CREATE TABLE t (a)");
  const { said } = await otherProcess(file);
  expect(said).toContain("STORAGE_LOCKED");
  expect(said).toContain(`process ${process.pid}`);
  await pool.execute("INSERT INTO t VALUES (1)");
});

test("a second process waits up to its busyTimeout for the first to close", async () => {
  const file = path("b.db");
  const { child, said } = await otherProcess(file);
  expect(said).toBe("open");
  const error = await rejection(openPool(file, { busyTimeout: 30 }));
  expect(error).toBeInstanceOf(StorageError);
  expect(error).toMatchObject({ reason: "locked", code: "STORAGE_LOCKED" });
  expect(error.message).toContain(String(child.pid));
  const opening = openPool(file, { busyTimeout: 30_000 });
  child.send("close");
  await using pool = await opening;
  expect(await pool.queryValue("SELECT 1")).toBe(1);
});

test("the file of a killed process is taken over, with every commit it made", async () => {
  const file = path("c.db");
  const { child } = await otherProcess(file);
  child.send("write");
  await new Promise((resolve) => child.once("message", resolve));
  child.kill("SIGKILL");
  await gone(child);
  expect(existsSync(`${file}-lock`)).toBe(true);
  await using pool = await openPool(file, { busyTimeout: 0 });
  expect(await pool.queryValue("SELECT count(*) FROM written")).toBe(1);
});

test("a process that ends without closing its pool leaves the file free", async () => {
  const file = path("d.db");
  const { child } = await otherProcess(file);
  child.send("exit");
  await gone(child);
  expect(existsSync(`${file}-lock`)).toBe(false);
  await using pool = await openPool(file, { busyTimeout: 0 });
  expect(pool.totalCount).toBe(1);
});

test("two pools of one thread share a file, under any of its names, and see each other's commits", async () => {
  const file = path("e.db");
  const link = path("e-link.db");
  await using one = await openPool(file, { threads: 2, name: "one" });
  await one.execute("CREATE TABLE t (a)");
  symlinkSync(file, link);
  await using two = await openPool(link, { threads: 0, name: "two" });
  const writes = Array.from({ length: 30 }, (_, i) =>
    (i % 2 === 0 ? one : two).execute("INSERT INTO t VALUES (?)", [i]),
  );
  await Promise.all(
    writes.map((write) => write.catch(() => two.execute("INSERT INTO t VALUES (-1)"))),
  );
  expect(await one.queryValue("SELECT count(*) FROM t")).toBe(30);
  expect(await two.queryValue("SELECT count(*) FROM t")).toBe(30);
  const holder = await one.acquire();
  await holder.execute("BEGIN IMMEDIATE");
  await using hasty = await openPool(link, { threads: 0, busyTimeout: 30 });
  const error = await rejection(hasty.execute("DELETE FROM t"));
  expect(error).toMatchObject({
    name: "BusyError",
    holder: { pool: "one", connection: holder.id },
  });
  await holder.release();
  await one.close();
  await two.execute("DELETE FROM t");
  expect(await two.queryValue("PRAGMA integrity_check")).toBe("ok");
});

test("a link is the file it points at, also while that is yet to be made", async () => {
  const target = path("later.db");
  const link = path("later-link.db");
  symlinkSync("later.db", link);
  await using first = await openPool(link, { threads: 1 });
  await first.execute("CREATE TABLE t (a)");
  await using second = await openPool(target, { threads: 1 });
  await second.execute("INSERT INTO t VALUES (1)");
  await using third = await openPool(link, { threads: 0 });
  for (const pool of [first, second, third]) {
    expect(await pool.queryValue("SELECT count(*) FROM t")).toBe(1);
  }
  const { said } = await otherProcess(target);
  expect(said).toContain("STORAGE_LOCKED");
  expect(existsSync(`${link}-lock`)).toBe(false);
});

test("a commit of one pool reaches the watches and listeners of the others on the file", async () => {
  const file = path("watched.db");
  await using one = await openPool(file, { threads: 1 });
  await one.execute("CREATE TABLE t (a)");
  await using two = await openPool(file, { threads: 0, readonly: true });
  const told: (readonly string[])[] = [];
  two.on("change", ({ tables }) => told.push(tables));
  const rows = two.watch("SELECT a FROM t");
  expect((await rows.next()).value).toEqual([]);
  const next = rows.next();
  await one.execute("INSERT INTO t VALUES (1)");
  expect(told).toEqual([["t"]]);
  expect((await next).value).toEqual([{ a: 1 }]);
});

test("another thread of the process is refused, and served once this one has closed", async () => {
  const file = path("f.db");
  const pool = await openPool(file);
  const refused = await inThread(file);
  expect(refused).toContain("STORAGE_LOCKED");
  expect(refused).toContain("another thread of this process");
  await pool.close();
  expect(await inThread(file)).toBe("open");
  await using again = await openPool(file, { busyTimeout: 30_000 });
  expect(again.totalCount).toBe(1);
});

async function inThread(file: string): Promise<string> {
  const worker = new Worker(HOLDER, { argv: [file, "0"] });
  const said = await new Promise<string>((resolve) => worker.once("message", resolve));
  await worker.terminate();
  return said;
}

test("an attached database is guarded as well", async () => {
  const file = path("g.db");
  const { said } = await otherProcess(file);
  expect(said).toBe("open");
  await using pool = await openPool(path("h.db"));
  await pool.withConnection(async (db) => {
    expect(await rejection(db.execute("ATTACH ? AS other", [file]))).toMatchObject({
      reason: "locked",
    });
  });
  expect(await pool.queryValue("SELECT 1")).toBe(1);
});

test("a database with the name of another one's lock is in the way of that one, and unharmed", async () => {
  await using other = await openPool(path("i.db-lock"));
  await other.executeScript("CREATE TABLE t (a); INSERT INTO t VALUES (1)");
  await other.checkpoint("truncate");
  const error = await rejection(openPool(path("i.db")));
  expect(error).toMatchObject({ name: "StorageError", reason: "locked" });
  expect(error.message).toContain(`${path("i.db-lock")} has the name of a lock, and is none`);
  expect(existsSync(path("i.db"))).toBe(false);
  await other.close();
  await using again = await openPool(path("i.db-lock"));
  expect(await again.queryValue("SELECT count(*) FROM t")).toBe(1);
});
