// Runs in browsers: databases that are kept in IndexedDB, from the storage up to the pool.

import { promisifyRequest } from "idb-keyval";
import { openPool, type PoolOptions, type StorageError } from "sqlite-wasm-pool";

import { afterEach, describe, expect, test, vi } from "vitest";
import { tryTakeDatabase } from "../../src/rpc/name-guard.ts";
import { IndexedDbStorage } from "../../src/storage/indexeddb.ts";
import {
  deleteKeptFiles,
  hasKeptFiles,
  KeptFiles,
  listKeptFiles,
  probeIndexedDb,
} from "../../src/storage/indexeddb-files.ts";
import { rejection } from "../helpers/promises.ts";
import { storageContract } from "./contract.ts";

const CREATE = { create: true, readonly: false } as const;
let count = 0;
const cleanUp: (() => Promise<unknown>)[] = [];

afterEach(async () => {
  restorePut();
  for (const each of cleanUp.splice(0).reverse()) await each();
});

function newName(): string {
  const name = `idb/${performance.timeOrigin}-${++count}.db`;
  cleanUp.push(() => deleteKeptFiles(name));
  return name;
}

async function openStorage(path: string, readonly = false): Promise<IndexedDbStorage> {
  const storage = new IndexedDbStorage({ path, readonly, lock: tryTakeDatabase });
  cleanUp.push(() => storage.close());
  await storage.prepare(path);
  return storage;
}

/** A copy of what a tab would find that comes after a crash: nothing was closed. */
async function copyAsKept(name: string): Promise<string> {
  const found = await KeptFiles.open(name, { readonly: true });
  const files = await found.load();
  await found.close();
  const copy = newName();
  const kept = await KeptFiles.open(copy, { readonly: false });
  await kept.keep(
    files.map((file) => cloneFile(file)),
    false,
  );
  await kept.close();
  return copy;
}

function newBytes(length: number, fill: number): Uint8Array {
  return new Uint8Array(length).fill(fill);
}

function write(storage: IndexedDbStorage, path: string, bytes: Uint8Array, offset = 0): void {
  const file = storage.open(path, CREATE);
  file.write(bytes, 0, bytes.length, offset);
  file.close();
}

function read(storage: IndexedDbStorage, path: string): number[] {
  const file = storage.open(path, { create: false, readonly: true });
  const heap = new Uint8Array(file.sizeBytes());
  file.read(heap, 0, heap.length, 0);
  file.close();
  return [...heap];
}

// What a full disk or a lost connection does to a transaction, at the place where a browser would do it.
const put = IDBObjectStore.prototype.put;
function restorePut(): void {
  IDBObjectStore.prototype.put = put;
}
function failPuts(fail: (store: IDBObjectStore) => void, from = 1): void {
  let puts = 0;
  IDBObjectStore.prototype.put = function (...args) {
    if (++puts >= from) fail(this);
    return put.apply(this, args);
  };
}
const full = () => {
  throw new DOMException("no room", "QuotaExceededError");
};

describe("IndexedDbStorage", () => {
  storageContract(async () => {
    const path = newName();
    return { storage: await openStorage(path), path };
  });

  test("what was flushed is there again, and nothing else", async () => {
    const path = newName();
    const first = await openStorage(path);
    write(first, path, newBytes(200_000, 1));
    write(first, `${path}-wal`, newBytes(10, 2));
    await first.flush(true);
    write(first, path, newBytes(5, 3), 199_998);
    write(first, `${path}-journal`, newBytes(10, 4));
    const second = await openStorage(path);
    expect(second.exists(`${path}-journal`)).toBe(false);
    expect(read(second, `${path}-wal`)).toEqual(Array(10).fill(2));
    expect(read(second, path)).toEqual(Array(200_000).fill(1));
  });

  test("what was cut off or deleted takes no room any more", async () => {
    const path = newName();
    const first = await openStorage(path);
    write(first, path, newBytes(1_000_000, 1));
    write(first, `${path}-journal`, newBytes(1_000_000, 1));
    await first.flush(false);
    first.open(path, CREATE).truncate(10);
    first.delete(`${path}-journal`);
    await first.flush(false);
    await first.close();
    const database = await new Promise<IDBDatabase>((resolve, reject) => {
      const request = indexedDB.open(`sqlite-wasm-pool:${path}`);
      request.onsuccess = () => resolve(request.result);
      request.onerror = () => reject(request.error);
    });
    const keys = await new Promise<IDBValidKey[]>((resolve) => {
      const request = database.transaction("chunks").objectStore("chunks").getAllKeys();
      request.onsuccess = () => resolve(request.result);
    });
    database.close();
    expect(keys).toHaveLength(2);
    expect(keys).toContainEqual([0, 0]);
  });

  test("a flush that fails leaves the files as they were kept, once they are reverted", async () => {
    const path = newName();
    const storage = await openStorage(path);
    write(storage, path, newBytes(300_000, 1));
    await storage.flush(true);
    write(storage, path, newBytes(300_000, 2));
    write(storage, `${path}-wal`, newBytes(10, 2));
    failPuts(full, 3);
    expect(await rejection(storage.flush(true))).toMatchObject({ reason: "quota" });
    restorePut();
    expect(() => read(storage, path)).toThrow(/no room/);
    expect(storage.canRevert).toBe(true);
    storage.revert();
    expect(read(storage, path)).toEqual(Array(300_000).fill(1));
    expect(storage.exists(`${path}-wal`)).toBe(false);
    write(storage, path, newBytes(10, 3));
    await storage.flush(true);
    expect(read(await openStorage(path), path).slice(0, 11)).toEqual([...Array(10).fill(3), 1]);
  });

  test("an aborted transaction keeps nothing of it", async () => {
    const path = newName();
    const storage = await openStorage(path);
    write(storage, path, newBytes(100_000, 1));
    await storage.flush(true);
    write(storage, path, newBytes(100_000, 2));
    failPuts((store) => queueMicrotask(() => store.transaction.abort()), 3);
    expect(await rejection(storage.flush(true))).toMatchObject({ reason: "io" });
    restorePut();
    storage.revert();
    expect(read(await openStorage(path), path)).toEqual(Array(100_000).fill(1));
  });

  test("a write that took place although its answer was lost counts as one that did", async () => {
    const path = newName();
    const storage = await openStorage(path);
    write(storage, path, newBytes(10, 1));
    const { transaction } = IDBDatabase.prototype;
    IDBDatabase.prototype.transaction = function (...args) {
      const made = transaction.apply(this, args);
      if (made.mode === "readwrite") {
        made.addEventListener("complete", (event) => {
          event.stopImmediatePropagation();
          made.onabort?.(new Event("abort"));
        });
      }
      return made;
    };
    try {
      await storage.flush(true);
    } finally {
      IDBDatabase.prototype.transaction = transaction;
    }
    write(storage, path, newBytes(10, 2));
    await storage.flush(true);
    expect(read(await openStorage(path), path)).toEqual(Array(10).fill(2));
  });

  test("of two owners the earlier can write nothing any more", async () => {
    const path = newName();
    const first = await openStorage(path);
    write(first, path, newBytes(10, 1));
    await first.flush(true);
    const second = await openStorage(path);
    write(first, path, newBytes(10, 2));
    expect(await rejection(first.flush(true))).toMatchObject({ reason: "locked" });
    expect(first.canRevert).toBe(false);
    first.revert();
    expect(() => first.open(path, CREATE)).toThrow(expect.objectContaining({ unprepared: path }));
    expect(await rejection(first.prepare(path))).toMatchObject({ reason: "locked" });
    write(second, path, newBytes(10, 3));
    await second.flush(true);
    expect(read(await openStorage(path), path)).toEqual(Array(10).fill(3));
  });

  test("of two that make the same new database the later one fails", async () => {
    const path = newName();
    const [first, second] = [await openStorage(path), await openStorage(path)];
    write(first, path, newBytes(10, 1));
    write(second, path, newBytes(10, 2));
    await first.flush(true);
    expect(await rejection(second.flush(true))).toMatchObject({ reason: "locked" });
    expect(read(await openStorage(path), path)).toEqual(Array(10).fill(1));
  });

  test("a database that was deleted while it was open is not made anew", async () => {
    const path = newName();
    const storage = await openStorage(path);
    write(storage, path, newBytes(10, 1));
    await storage.flush(true);
    const other = await openStorage(path, true);
    await other.close();
    const deletion = deleteKeptFiles(path);
    // The connection of the one who has it open keeps it from being deleted; a browser that clears its
    // data asks nobody.
    await storage.close();
    await deletion;
    const reopened = await KeptFiles.open(path, { readonly: false });
    expect((await reopened.load()).map(({ exists }) => exists)).toEqual([false, false, false]);
    expect(await hasKeptFiles(path)).toBe(false);
  });

  test("one that somebody does not let go of is waited for, but not for ever", async () => {
    const path = newName();
    const storage = await openStorage(path);
    write(storage, path, newBytes(10, 1));
    await storage.flush(true);
    await storage.close();
    // Unlike a connection of this library, it does not close when it hears of the deletion.
    const stubborn = await promisifyRequest(indexedDB.open(`sqlite-wasm-pool:${path}`));
    vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] });
    try {
      const deletion = rejection(deleteKeptFiles(path));
      vi.advanceTimersByTime(30_000);
      expect(await deletion).toMatchObject({ reason: "locked" });
      const opening = openStorage(path);
      await vi.waitFor(() => expect(vi.getTimerCount()).toBe(1));
      vi.advanceTimersByTime(30_000);
      expect(await rejection(opening)).toMatchObject({ reason: "locked" });
    } finally {
      vi.useRealTimers();
      stubborn.close();
    }
    // What was asked for takes place then.
    expect(await hasKeptFiles(path)).toBe(false);
    write(await openStorage(path), path, newBytes(10, 1));
  });

  test("looking for a database makes none", async () => {
    const path = newName();
    expect(await hasKeptFiles(path)).toBe(false);
    await probeIndexedDb();
    const storage = await openStorage(path);
    expect(() => storage.open(path, { create: false, readonly: false })).toThrow(
      expect.objectContaining({ notFound: true }),
    );
    await storage.flush(true);
    await storage.close();
    expect(await hasKeptFiles(path)).toBe(false);
    const names = (await indexedDB.databases()).map(({ name }) => name ?? "");
    expect(names.filter((name) => name.includes(path) || name.includes("probe"))).toEqual([]);
    expect((await listKeptFiles()).map(({ path }) => path)).not.toContain(path);
  });
});

describe.each([
  ["a worker", {}],
  ["the calling thread", { threads: 0 }],
] as const)("a pool over IndexedDB in %s", (_, where: PoolOptions) => {
  const open = async (name: string, options?: PoolOptions) => {
    const pool = await openPool(name, { storage: "indexeddb", ...where, ...options });
    cleanUp.push(() => pool.close({ timeout: 0 }));
    return pool;
  };

  test("says where it is", async () => {
    const pool = await open(newName());
    expect(pool.stats()).toMatchObject({
      storage: "indexeddb",
      threads: where.threads ?? 1,
      journalMode: "wal",
    });
    expect(pool.capabilities).toMatchObject({ parallelReads: false, durable: true, wal: true });
  });

  test("a commit that has resolved is there, whoever opens the database next", async () => {
    const name = newName();
    const pool = await open(name);
    await pool.execute("CREATE TABLE t (a)");
    await pool.write(async (db) => {
      for (let i = 0; i < 100; i++) await db.execute("INSERT INTO t VALUES (?)", [i]);
    });
    const other = await open(await copyAsKept(name));
    expect(await other.queryValue("SELECT count(*) FROM t")).toBe(100);
    expect(await other.queryValue("PRAGMA integrity_check")).toBe("ok");
  });

  test("a script that commits and begins anew has its commit kept", async () => {
    const name = newName();
    const pool = await open(name);
    const db = await pool.acquire();
    await db.executeScript(`CREATE TABLE t (a); BEGIN IMMEDIATE; INSERT INTO t VALUES (1); COMMIT;
      BEGIN IMMEDIATE; INSERT INTO t VALUES (2)`);
    expect(db.inTransaction).toBe(true);
    const other = await open(await copyAsKept(name));
    expect(await other.queryValue("SELECT group_concat(a) FROM t")).toBe("1");
    await db.release();
  });

  test("snapshots last while others write", async () => {
    const pool = await open(newName(), { maxConnections: 3 });
    await pool.execute("CREATE TABLE t (a)");
    await pool.read(async (db) => {
      await pool.execute("INSERT INTO t VALUES (1)");
      expect(await db.queryValue("SELECT count(*) FROM t")).toBe(0);
      expect(await pool.queryValue("SELECT count(*) FROM t")).toBe(1);
    });
  });

  test("a database attached from IndexedDB is kept, too", async () => {
    const [name, side] = [newName(), newName()];
    const pool = await open(name);
    await pool.withConnection(async (db) => {
      await db.execute("ATTACH ? AS side", [side]);
      await db.executeScript("CREATE TABLE side.t (a); INSERT INTO side.t VALUES (7)");
    });
    const other = await open(side);
    expect(await other.queryValue("SELECT a FROM t")).toBe(7);
  });

  test("a database that was detached can be attached again at once", async () => {
    const name = newName();
    const pool = await open(newName());
    const db = await pool.acquire();
    for (let i = 0; i < 3; i++) {
      await db.executeScript(`ATTACH '${name}' AS o; CREATE TABLE IF NOT EXISTS o.t (a); DETACH o`);
    }
    await db.execute(`ATTACH '${name}' AS o`);
    expect(await db.queryValue("SELECT count(*) FROM o.t")).toBe(0);
    await db.release();
  });

  test("one that is open elsewhere cannot be attached", async () => {
    const [name, side] = [newName(), newName()];
    await open(side);
    const pool = await open(name);
    const error = await rejection(
      pool.withConnection((db) => db.execute("ATTACH ? AS side", [side])),
    );
    expect((error as StorageError).reason).toBe("locked");
  });
});

function cloneFile(file: Awaited<ReturnType<KeptFiles["load"]>>[number]) {
  const copy = new (
    file.constructor as typeof import("../../src/storage/chunked-file.ts").ChunkedFile
  )(65_536);
  if (!file.exists) return copy;
  const bytes = new Uint8Array(file.sizeBytes);
  file.read(bytes, 0, bytes.length, 0);
  copy.create();
  copy.write(bytes, 0, bytes.length, 0);
  return copy;
}

describe("a pool over IndexedDB whose commit cannot be kept", () => {
  const withPool = async (options?: PoolOptions) => {
    const name = newName();
    const pool = await openPool(name, { storage: "indexeddb", threads: 0, ...options });
    cleanUp.push(() => pool.close({ timeout: 0 }));
    await pool.executeScript("CREATE TABLE t (a); INSERT INTO t VALUES (1)");
    return { name, pool };
  };

  test.each(["wal", "delete", "truncate"] as const)(
    "rejects, and nobody sees it (journal mode %s)",
    async (journalMode) => {
      const { name, pool } = await withPool({ journalMode, maxConnections: 3 });
      const reader = await pool.acquire();
      expect(await reader.queryValue("SELECT count(*) FROM t")).toBe(1);
      failPuts(full);
      const error = await rejection(pool.executeScript("CREATE TABLE u (b); DELETE FROM t"));
      restorePut();
      expect(error).toMatchObject({ code: "STORAGE_QUOTA" });
      expect(await reader.queryValue("SELECT count(*) FROM t")).toBe(1);
      await reader.release();
      expect(await pool.queryValue("SELECT group_concat(name) FROM sqlite_schema")).toBe("t");
      await pool.executeScript("CREATE TABLE v (c); INSERT INTO t VALUES (2)");
      expect(await pool.query("SELECT a FROM t")).toEqual([{ a: 1 }, { a: 2 }]);
      expect(await pool.queryValue("PRAGMA integrity_check")).toBe("ok");
      await pool.close();
      const again = await openPool(name, { storage: "indexeddb", threads: 0 });
      cleanUp.push(() => again.close());
      expect(await again.query("SELECT a FROM t")).toEqual([{ a: 1 }, { a: 2 }]);
      expect(await again.queryValue("PRAGMA integrity_check")).toBe("ok");
    },
  );

  test("open snapshots outlast it, and so do many failures", async () => {
    const { pool } = await withPool({ maxConnections: 4 });
    await pool.read(async (db) => {
      expect(await db.queryValue("SELECT count(*) FROM t")).toBe(1);
      for (let i = 0; i < 20; i++) {
        failPuts(full);
        await rejection(
          pool.executeMany("INSERT INTO t VALUES (?)", Array(500).fill(["x".repeat(500)])),
        );
        restorePut();
        await pool.execute("INSERT INTO t VALUES (?)", [i]);
        expect(await db.queryValue("SELECT count(*) FROM t")).toBe(1);
        expect(await pool.queryValue("SELECT count(*) FROM t")).toBe(i + 2);
      }
    });
    expect(await pool.checkpoint("truncate")).toMatchObject({ busy: false });
    expect(await pool.queryValue("SELECT count(*) FROM t")).toBe(21);
    expect(await pool.queryValue("PRAGMA integrity_check")).toBe("ok");
  });

  test("the connection is replaced, and says why until it is given back", async () => {
    const { pool } = await withPool();
    const db = await pool.acquire();
    await db.execute("BEGIN IMMEDIATE");
    await db.execute("INSERT INTO t VALUES (2)");
    failPuts(full);
    expect(await rejection(db.execute("COMMIT"))).toMatchObject({ code: "STORAGE_QUOTA" });
    restorePut();
    expect(db.inTransaction).toBe(false);
    expect(await rejection(db.query("SELECT 1"))).toMatchObject({ code: "STORAGE_QUOTA" });
    await db.release();
    expect(await pool.queryValue("SELECT count(*) FROM t")).toBe(1);
    expect(pool.stats().replaced).toBe(1);
  });

  test("a database that cannot be made is an error of openPool", async () => {
    const name = newName();
    failPuts(full);
    const error = await rejection(openPool(name, { storage: "indexeddb", threads: 0 }));
    restorePut();
    expect(error).toMatchObject({ code: "STORAGE_QUOTA" });
    expect(await hasKeptFiles(name)).toBe(false);
    const pool = await openPool(name, { storage: "indexeddb", threads: 0 });
    await pool.close();
  });

  test("a pool that was taken over writes nothing, and says so", async () => {
    const { name, pool } = await withPool();
    const thief = await KeptFiles.open(name, { readonly: false });
    const error = await rejection(pool.execute("INSERT INTO t VALUES (2)"));
    expect(error).toMatchObject({ code: "STORAGE_LOCKED" });
    expect(await rejection(pool.query("SELECT * FROM t"))).toMatchObject({
      code: "STORAGE_LOCKED",
    });
    expect((await thief.load())[0]?.exists).toBe(true);
    await thief.close();
  });
});

describe('storage: "auto"', () => {
  const hasOpfs = navigator.storage?.getDirectory !== undefined;
  const open = async (name: string, options?: PoolOptions) => {
    const pool = await openPool(name, options);
    cleanUp.push(() => pool.deleteDatabase().catch(() => {}));
    return pool;
  };

  test("takes the private file system where it works, else IndexedDB, and says why", async () => {
    const pool = await open(newName());
    const { fallbacks } = pool.capabilities;
    expect(pool.stats().storage).toBe(hasOpfs ? "opfs" : "indexeddb");
    expect(fallbacks.map(({ tried }) => tried)).toEqual(hasOpfs ? [] : ["opfs"]);
    await pool.executeScript("CREATE TABLE t (a); INSERT INTO t VALUES (1)");
    expect(await pool.queryValue("SELECT a FROM t")).toBe(1);
  });

  test("opens a database where it is", async () => {
    const name = newName();
    const made = await open(name, { storage: "indexeddb" });
    await made.executeScript("CREATE TABLE t (a); INSERT INTO t VALUES (1)");
    await made.close();
    const pool = await open(name);
    expect(pool.stats().storage).toBe("indexeddb");
    expect(await pool.queryValue("SELECT a FROM t")).toBe(1);
    expect(pool.capabilities.fallbacks).toMatchObject([{ tried: "opfs" }]);
  });

  test("makes no database where none may be made", async () => {
    const name = newName();
    const error = await rejection(openPool(name, { create: false }));
    expect(error).toMatchObject({ code: "STORAGE_IO" });
    expect(await hasKeptFiles(name)).toBe(false);
  });
});
