import { chmodSync, linkSync, mkdirSync, renameSync, symlinkSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";
import { describe, expect, test } from "vitest";
import { createMemoryDisk, memoryStorage } from "../../src/storage/memory.ts";
import { nodeFsStorage } from "../../src/storage/node-fs.ts";
import { StorageFault } from "../../src/storage/storage.ts";
import { useDirectory } from "../helpers/kinds.ts";
import { storageContract } from "./contract.ts";

describe("files of Node", () => {
  const path = useDirectory();
  let count = 0;
  storageContract(() => ({ storage: nodeFsStorage(), path: path(`${++count}.db`) }));

  test("links resolve to the file they point at", () => {
    const storage = nodeFsStorage();
    writeFileSync(path("real.db"), "");
    symlinkSync(path("real.db"), path("link.db"));
    mkdirSync(path("sub"));
    expect(storage.resolve(path("link.db"))).toBe(storage.resolve(path("real.db")));
    expect(storage.resolve(path("sub/../real.db"))).toBe(storage.resolve(path("real.db")));
    symlinkSync(dirname(path("x")), path("sub/up"));
    expect(storage.resolve(path("sub/up/new.db"))).toBe(storage.resolve(path("new.db")));
    linkSync(path("real.db"), path("hard.db"));
    expect(storage.exists(path("hard.db"))).toBe(true);
  });

  test("files that are made one after the other are told apart, and so is what takes the name of one", () => {
    const storage = nodeFsStorage();
    const files = Array.from({ length: 20 }, (_, i) =>
      storage.open(path(`apart-${i}.db`), { create: true, readonly: false }),
    );
    expect(new Set(files.map(({ identity }) => identity)).size).toBe(20);
    for (const file of files) expect(file.isInPlace()).toBe(true);
    for (let i = 1; i < 20; i++) {
      // Over the one before it, which has the inode beside its own.
      renameSync(path(`apart-${i}.db`), path(`apart-${i - 1}.db`));
      expect([files[i - 1]?.isInPlace(), files[i - 1]?.isDeleted()]).toEqual([false, true]);
      expect([files[i]?.isInPlace(), files[i]?.isDeleted()]).toEqual([false, false]);
      renameSync(path(`apart-${i - 1}.db`), path(`apart-${i}.db`));
      expect(files[i]?.isInPlace()).toBe(true);
    }
    for (const file of files) file.close();
  });

  test("a link resolves to the file it points at also before there is one", () => {
    const storage = nodeFsStorage();
    const target = storage.resolve(path("target.db"));
    symlinkSync("target.db", path("to-target.db"));
    symlinkSync(path("to-target.db"), path("to-link.db"));
    mkdirSync(path("far/away"), { recursive: true });
    symlinkSync("far/away", path("near"));
    symlinkSync("near/../target.db", path("over-link.db"));
    for (const name of ["to-target.db", "to-link.db"]) {
      expect(storage.resolve(path(name))).toBe(target);
    }
    // The parent of what `near` points at.
    expect(storage.resolve(path("over-link.db"))).toBe(storage.resolve(path("far/target.db")));
    writeFileSync(path("target.db"), "");
    writeFileSync(path("far/target.db"), "");
    for (const name of ["to-target.db", "to-link.db"]) {
      expect(storage.resolve(path(name))).toBe(target);
    }
    expect(storage.resolve(path("over-link.db"))).toBe(storage.resolve(path("far/target.db")));
  });

  test("links that lead nowhere are refused", () => {
    const storage = nodeFsStorage();
    symlinkSync("circle-b.db", path("circle-a.db"));
    symlinkSync("circle-a.db", path("circle-b.db"));
    symlinkSync("no-such-directory", path("nowhere"));
    expect(() => storage.resolve(path("circle-a.db"))).toThrow(
      expect.objectContaining({ name: "StorageFault", reason: "io" }),
    );
    expect(() => storage.resolve(path("nowhere/a.db"))).toThrow(
      expect.objectContaining({ name: "StorageFault", notFound: true }),
    );
  });

  test("a directory is no file", () => {
    mkdirSync(path("directory"));
    const opening = () =>
      nodeFsStorage().open(path("directory"), { create: true, readonly: false });
    expect(opening).toThrow(StorageFault);
    expect(opening).toThrow(/directory/);
  });

  test.skipIf(process.getuid?.() === 0)("a file without permission says so", () => {
    writeFileSync(path("secret.db"), "");
    chmodSync(path("secret.db"), 0);
    const opening = () =>
      nodeFsStorage().open(path("secret.db"), { create: false, readonly: true });
    expect(opening).toThrow(expect.objectContaining({ reason: "permission" }));
  });
});

describe("memory", () => {
  storageContract(() => ({ storage: memoryStorage(createMemoryDisk("m")), path: "m" }));

  test("every storage over one disk sees the same files", () => {
    const disk = createMemoryDisk("m");
    const flags = { create: true, readonly: false };
    const file = memoryStorage(disk).open("m-wal", flags);
    file.write(new Uint8Array([1, 2, 3]), 0, 3, 100_000);
    const other = memoryStorage(structuredClone(disk)).open("m-wal", { ...flags, create: false });
    const heap = new Uint8Array(3);
    expect(other.sizeBytes()).toBe(100_003);
    expect(other.read(heap, 0, 3, 100_000)).toBe(3);
    expect([...heap]).toEqual([1, 2, 3]);
  });

  test("a file beside the database has no place there", () => {
    const storage = memoryStorage(createMemoryDisk("m"));
    const opening = () => storage.open("other", { create: true, readonly: false });
    expect(opening).toThrow(expect.objectContaining({ reason: "unsupported" }));
  });
});
