import { describe, expect, test } from "vitest";
import { resolveDatabase, resolveName } from "../../src/storage/names.ts";
import { StorageFault } from "../../src/storage/storage.ts";
import { temporaryName } from "../../src/storage/temporary-names.ts";

describe("resolveName()", () => {
  test("gives one form to the names of one file", () => {
    for (const name of ["a/b.db", "/a/b.db", "a//b.db", "./a/c/../b.db", "../../a/b.db"]) {
      expect(resolveName(name)).toBe("a/b.db");
    }
  });

  test("refuses what names no file, or a file that belongs to another database", () => {
    for (const name of ["/", "..", "a/", "x.db-wal", "a/x.db-journal"]) {
      expect(() => resolveName(name), name).toThrow(StorageFault);
    }
  });
});

test("resolveDatabase() refuses the names that are kept for temporary files", () => {
  expect(resolveDatabase("app.db")).toBe("app.db");
  expect(() => resolveDatabase(temporaryName("app.db"))).toThrow(StorageFault);
  expect(() => resolveDatabase("app.db-mj0123456AB")).toThrow(StorageFault);
  expect(resolveName(temporaryName("app.db"))).toMatch(/^app\.db-temporary-/);
});
