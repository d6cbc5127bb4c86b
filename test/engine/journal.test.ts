// What the VFS asks of the storage around rollback journals, step by step.

import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import type { Storage } from "../../src/storage/storage.ts";
import { loadBuild } from "../shm/instances.ts";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));
const build = await loadBuild(`${ROOT}dist`);
const wasm = await WebAssembly.compile(readFileSync(`${ROOT}dist/sqlite3.wasm`));

/** Runs SQL on a database whose storage is changed by `change`. */
async function start(change: (storage: Storage) => Partial<Storage>) {
  const storage = build.memory.memoryStorage(build.memory.createMemoryDisk("w"));
  const shared = build.layout.createSharedMemory();
  const slot = build.lockTable.claimSlot(shared) ?? 0;
  const options = { path: "w", readonly: false, shared, slot, guard: () => ({ release() {} }) };
  const engine = await build.sqliteWasm.startSqliteWasm(
    { ...options, storage: { ...storage, ...change(storage) } },
    wasm,
  );
  const connection = engine.open("w", { readonly: false, create: true });
  return (script: string) => {
    for (let rest = script; ; ) {
      const statement = connection.prepare(rest);
      if (statement === undefined) return;
      statement.run(undefined, "auto");
      rest = statement.tail;
      statement.finalize();
    }
  };
}

test("a journal that goes between two looks at it was none", async () => {
  const seen: string[] = [];
  const run = await start((storage) => ({
    exists(path) {
      if (!path.endsWith("-journal")) return storage.exists(path);
      seen.push(path);
      return true;
    },
  }));
  run("PRAGMA journal_mode = delete; CREATE TABLE t (a); INSERT INTO t VALUES (1)");
  seen.length = 0;
  run("SELECT * FROM t");
  expect(seen).toEqual(["w-journal"]);
});

test.each([
  ["full", true],
  ["normal", true],
  ["off", false],
])("the end of a journal is synced with synchronous = %s: %s", async (synchronous, durable) => {
  const deleted: [string, boolean][] = [];
  const run = await start((storage) => ({
    delete(path, syncDirectory) {
      deleted.push([path, syncDirectory]);
      storage.delete(path, syncDirectory);
    },
  }));
  run(`PRAGMA journal_mode = delete; PRAGMA synchronous = ${synchronous}; CREATE TABLE t (a)`);
  expect(deleted).toEqual([["w-journal", durable]]);
});

test("a write that was done in part is undone whole", async () => {
  let isFull = false;
  let sizeBytes = () => -1;
  const run = await start((storage) => ({
    open(path, flags) {
      const file = storage.open(path, flags);
      if (path !== "w") return file;
      sizeBytes = () => file.sizeBytes();
      const write = file.write.bind(file);
      return Object.assign(file, {
        write(heap: Uint8Array, from: number, length: number, offset: number) {
          if (!isFull) return write(heap, from, length, offset);
          write(heap, from, length / 2, offset);
          throw new build.storage.StorageFault("quota", "the disk is full");
        },
      });
    },
  }));
  run("PRAGMA page_size = 8192; PRAGMA journal_mode = delete; SELECT * FROM sqlite_schema");
  isFull = true;
  expect(() => run("CREATE TABLE t (a)")).toThrow();
  isFull = false;
  expect(sizeBytes()).toBe(0);
  run("CREATE TABLE t (a); INSERT INTO t VALUES (1)");
  expect(sizeBytes()).toBe(2 * 8192);
});
