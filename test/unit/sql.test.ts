import { describe, expect, test } from "vitest";
import { guessWrites, mayWrite, SqlQuery, sql, toStatement } from "../../src/pool/sql.ts";

describe("sql", () => {
  test("values become parameters, and queries are spliced in with their own", () => {
    const where = sql`a = ${1} AND b = ${"x"}`;
    const query = sql`SELECT * FROM t WHERE ${where} LIMIT ${2}`;
    expect(query).toBeInstanceOf(SqlQuery);
    expect(query.sql).toBe("SELECT * FROM t WHERE a = ? AND b = ? LIMIT ?");
    expect(query.params).toEqual([1, "x", 2]);
  });

  test("a template takes no further parameters", () => {
    expect(() => toStatement(sql`SELECT ${1}`, [2])).toThrow(TypeError);
    expect(toStatement(sql`SELECT ${true}`, [])).toEqual({ sql: "SELECT ?", params: [1] });
    expect(() => toStatement(5 as never, [])).toThrow(TypeError);
  });
});

describe("toStatement()", () => {
  test("a blob is copied, and nothing else of the buffer it is a view of", () => {
    const all = new Uint8Array(1_000).fill(1);
    const views = [all.subarray(2, 5)];
    // Node's own kind of view, whose `slice` copies nothing. Browsers have none.
    if (typeof Buffer === "function") views.push(Buffer.from(all.buffer, 2, 3));
    for (const view of views) {
      const [blob] = toStatement("SELECT ?", [view]).params as Uint8Array[];
      expect(blob).toEqual(new Uint8Array([1, 1, 1]));
      expect(blob?.buffer).not.toBe(all.buffer);
      expect(blob?.buffer.byteLength).toBe(3);
    }
  });
});

describe("guessWrites()", () => {
  test.each([
    ["SELECT 1", false],
    ["  -- insert\n /* update */ select 1", false],
    ["VALUES (1)", false],
    ["WITH a AS (SELECT 1) SELECT * FROM a", false],
    ["WITH a AS (SELECT 1) INSERT INTO t SELECT * FROM a", true],
    ["WITH a AS (SELECT 1 WHERE b = 'delete') SELECT replace(b, 'x', 'y') FROM a", false],
    ['WITH "insert" (b) AS (SELECT (1)), d AS NOT MATERIALIZED (VALUES (1)) SELECT 1', false],
    ["WITH a(b, c) AS (SELECT 1, 2), d AS (SELECT 3) -- )\n DELETE FROM t", true],
    ["with recursive a as (select 1) /* x */ replace into t select * from a", true],
    [" ; SELECT 1", false],
    [";\n; DELETE FROM t", true],
    ["insert into t values (1)", true],
    ["REPLACE INTO t VALUES (1)", true],
    ["BEGIN", false],
    ["BEGIN DEFERRED", false],
    ["begin immediate", true],
    ["BEGIN EXCLUSIVE TRANSACTION", true],
    ["COMMIT", false],
    ["PRAGMA table_info(t)", false],
    ["CREATE TABLE t (a)", true],
    ["VACUUM", true],
    ["", true],
  ])("%s -> %s", (text, writes) => {
    expect(guessWrites(text)).toBe(writes);
  });
});

test.each([
  ["SELECT 1; SELECT 'delete'; -- insert", false],
  ["SELECT 1; DELETE FROM t", true],
  ["SELECT 1; BEGIN; SELECT 2; COMMIT", true],
  ["SELECT replace('a', 'a', 'b'); PRAGMA user_version;", false],
  ["PRAGMA user_version = 1", true],
  ["PRAGMA table_info(t)", true],
  ["WITH a AS (SELECT 1) DELETE FROM t; ", true],
  ["", false],
])("mayWrite(%s) -> %s", (script, writes) => {
  expect(mayWrite(script)).toBe(writes);
});
