// Cells that are read where SQLite keeps them, on the builds themselves.

import { pathToFileURL } from "node:url";
import { describe, expect, test } from "vitest";
import type { Binding, Pointer } from "../../src/engine/binding.ts";
import type * as PlainCellsModule from "../../src/engine/plain-cells.ts";
import type * as SqliteWasmModule from "../../src/engine/sqlite-wasm.ts";
import type { RowSink } from "../../src/types.ts";

const DIST = pathToFileURL(new URL("../../dist/engine/", import.meta.url).pathname);
const load = (file: string) => import(/* @vite-ignore */ new URL(file, DIST).href);
const { loadSqliteWasmBinding }: typeof SqliteWasmModule = await load("sqlite-wasm.js");
const { PlainCells }: typeof PlainCellsModule = await load("plain-cells.js");

const binding = await loadSqliteWasmBinding(undefined);
const scratch = binding.alloc(8);

/** A connection to a database in memory. */
function open(): Pointer {
  const name = binding.cString(":memory:");
  expect(binding.exports.sqlite3_open_v2(name, scratch, 6, 0)).toBe(0);
  return binding.u32()[scratch >> 2] ?? 0;
}

/** A statement after its first step. */
function stepped(db: Pointer, sql: string): Pointer {
  const text = binding.cString(sql);
  expect(binding.exports.sqlite3_prepare_v3(db, text, -1, 0, scratch, 0)).toBe(0);
  const statement = binding.u32()[scratch >> 2] ?? 0;
  binding.exports.sqlite3_step(statement);
  return statement;
}

const cells = PlainCells.tried(binding, open(), scratch);

/** The cells that are handed over, and the column of the one that is not. */
function emitted(sql: string, { from = 0, integers = true } = {}) {
  if (cells === undefined) throw new Error("this build's cells are not read in place");
  const statement = stepped(open(), sql);
  const count = binding.exports.sqlite3_column_count(statement);
  const seen: unknown[] = [];
  const sink: RowSink = {
    begin() {},
    null: (column) => seen.push([column, null]),
    number: (column, value) => seen.push([column, value]),
    bigint: (column, value) => seen.push([column, value]),
    text: (column, heap, start, end) =>
      seen.push([column, new TextDecoder().decode(heap.slice(start, end))]),
    blob: (column, heap, start, end) => seen.push([column, heap.slice(start, end)]),
    endRow: () => true,
  };
  const left = cells.emit(sink, statement, from, count, integers);
  binding.exports.sqlite3_finalize(statement);
  return { seen, left };
}

describe("the official build", () => {
  test("has every type of cell where it is looked for", () => {
    const sql = `SELECT NULL, 0, -1, 4294967296, -9007199254740991, 9007199254740991, 0.5, 1e999, -0.0,
      '', 'é', x'', x'00ff', cast(0.25 AS TEXT), 2 || 'a', cast('ab' AS BLOB), substr('abc', 2), abs(-3)`;
    const all = [
      ...[null, 0, -1, 2 ** 32, -(2 ** 53) + 1, 2 ** 53 - 1, 0.5, Number.POSITIVE_INFINITY, -0],
      ...["", "é", new Uint8Array(), new Uint8Array([0, 255]), "0.25", "2a"],
      ...[new TextEncoder().encode("ab"), "bc", 3],
    ];
    expect(emitted(sql)).toEqual({ seen: all.map((cell, i) => [i, cell]), left: all.length });
  });

  test("goes on behind a cell that was left to the API", () => {
    expect(emitted("SELECT 1, 2, 3", { from: 1 }).seen).toEqual([
      [1, 2],
      [2, 3],
    ]);
  });

  test.each([
    ["an integer that no number holds", "9007199254740992", true],
    ["one below zero", "-9007199254740992", true],
    ["any integer, if asked to", "7", false],
  ])("leaves %s to the API", (_what, value, integers) => {
    expect(emitted(`SELECT 'x', ${value}, 'y'`, { integers })).toEqual({
      seen: [[0, "x"]],
      left: 1,
    });
  });
});

test("another layout is found out, and nothing is read in place", () => {
  const { exports } = binding;
  const shifted: Binding = {
    ...binding,
    exports: {
      ...exports,
      sqlite3_column_value: (statement, column) =>
        (exports.sqlite3_column_value?.(statement, column) ?? 0) + 8,
    },
  };
  expect(PlainCells.tried(shifted, open(), scratch)).toBeUndefined();
  const { sqlite3_column_value: _, ...others } = exports;
  const without: Binding = { ...binding, exports: others };
  expect(PlainCells.tried(without, open(), scratch)).toBeUndefined();
});
