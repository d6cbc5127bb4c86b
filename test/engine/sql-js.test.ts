// sql.js exports a part of SQLite's functions, and the rest is done by reading and writing fields of its
// structs. Each of these functions is called here on both variants of sql.js, and must answer what
// the official build's own function answers at the same point of the same story.

import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import type { Binding, Pointer } from "../../src/engine/binding.ts";
import type * as SqlJsModule from "../../src/engine/sql-js.ts";
import type { NewSqlJs } from "../../src/engine/sql-js-module.ts";
import type * as SqliteWasmModule from "../../src/engine/sqlite-wasm.ts";

const DIST = new URL("../../dist/engine/", import.meta.url);
const load = (file: string) => import(/* @vite-ignore */ new URL(file, DIST).href);
const { loadSqliteWasmBinding }: typeof SqliteWasmModule = await load("sqlite-wasm.js");
const { loadSqlJsBinding }: typeof SqlJsModule = await load("sql-js.js");

const script = async (file: string): Promise<NewSqlJs> => (await load(file)).default;

const official = await loadSqliteWasmBinding(undefined);
const wasm = await WebAssembly.compile(readFileSync(new URL("sql-js/sql-js.wasm", DIST)));
const VARIANTS: readonly (readonly [string, Binding])[] = [
  ["WebAssembly", await loadSqlJsBinding(await script("sql-js/wasm.js"), wasm)],
  ["JavaScript", await loadSqlJsBinding(await script("sql-js/asm.js"), undefined)],
];

const OK = 0;
const READWRITE = 2;
const CREATE = 4;

/** A connection to a database in memory, by the functions of one binding. */
class Db {
  readonly #binding: Binding;
  readonly #out: Pointer;
  readonly pointer: Pointer;

  constructor(binding: Binding) {
    this.#binding = binding;
    this.#out = binding.alloc(16);
    const name = binding.cString(":memory:");
    binding.exports.sqlite3_open_v2(name, this.#out, READWRITE | CREATE, 0);
    this.pointer = this.#outWord();
    binding.exports.sqlite3_extended_result_codes(this.pointer, 1);
  }

  #outWord(): number {
    return this.#binding.u32()[this.#out >> 2] ?? 0;
  }

  /** The statement, or the result code as a negative number. */
  prepare(sql: string): Pointer {
    const text = this.#binding.cString(sql);
    const result = this.#binding.exports.sqlite3_prepare_v3(
      this.pointer,
      text,
      -1,
      0,
      this.#out,
      0,
    );
    return result === OK ? this.#outWord() : -result;
  }

  /** Runs a statement to its end, and gives the last result code. */
  run(sql: string): number {
    const statement = this.prepare(sql);
    if (statement <= 0) return statement;
    const { exports } = this.#binding;
    let result = exports.sqlite3_step(statement);
    while (result === 100) result = exports.sqlite3_step(statement);
    exports.sqlite3_finalize(statement);
    return result;
  }

  state(): unknown {
    const { exports } = this.#binding;
    return {
      autocommit: exports.sqlite3_get_autocommit(this.pointer),
      txn: exports.sqlite3_txn_state(this.pointer, 0),
      changes: exports.sqlite3_changes(this.pointer),
      totalChanges: exports.sqlite3_total_changes(this.pointer),
      rowid: exports.sqlite3_last_insert_rowid(this.pointer),
      errorCode: exports.sqlite3_extended_errcode(this.pointer),
      errorOffset: exports.sqlite3_error_offset(this.pointer),
    };
  }
}

/** Tells what a story says of both variants, and of the official build. */
function story(name: string, tell: (db: Db, binding: Binding) => unknown[]): void {
  describe(name, () => {
    const expected = tell(new Db(official), official);
    test("says something", () => expect(expected.length).toBeGreaterThan(3));
    test.each(VARIANTS)("is the same with sql.js as %s", (_, binding) => {
      expect(tell(new Db(binding), binding)).toEqual(expected);
    });
  });
}

test("all builds are of one version", () => {
  const versionOf = (binding: Binding) => {
    const { exports } = binding;
    const statement = new Db(binding).prepare("SELECT sqlite_version()");
    exports.sqlite3_step(statement);
    const version = binding.readCString(exports.sqlite3_column_text(statement, 0));
    exports.sqlite3_finalize(statement);
    return version;
  };
  const version = versionOf(official);
  expect(version).toMatch(/^3\.\d+\.\d+$/);
  for (const [, binding] of VARIANTS) expect(versionOf(binding)).toBe(version);
});

story("the state of a connection", (db) =>
  [
    "SELECT 1",
    "CREATE TABLE t (a INTEGER PRIMARY KEY, b UNIQUE NOT NULL CHECK (b <> 13))",
    "CREATE TABLE log (a)",
    "CREATE TRIGGER tr AFTER INSERT ON t BEGIN INSERT INTO log VALUES (new.a); END",
    "INSERT INTO t VALUES (1, 1), (2, 2)",
    "INSERT INTO t VALUES (-9223372036854775808, 3)",
    "INSERT INTO t VALUES (9223372036854775807, 4)",
    "INSERT INTO t VALUES (4294967296, 5)",
    "INSERT INTO t VALUES (1, 6)",
    "INSERT INTO t VALUES (7, 1)",
    "INSERT INTO t VALUES (7, NULL)",
    "INSERT INTO t VALUES (7, 13)",
    "SELECT nope FROM t",
    "SELEC 1",
    "SELECT * FROM nowhere",
    "BEGIN",
    "SELECT * FROM t",
    "DELETE FROM t WHERE a > 1",
    "SAVEPOINT s",
    "ROLLBACK TO s",
    "ROLLBACK",
    "BEGIN IMMEDIATE",
    "COMMIT",
    "COMMIT",
    "CREATE TEMP TABLE x (a)",
    "BEGIN",
    "INSERT INTO temp.x VALUES (1)",
    "COMMIT",
    "ATTACH ':memory:' AS other",
    "CREATE TABLE other.y (a)",
    "BEGIN",
    "INSERT INTO other.y VALUES (1)",
    "ROLLBACK",
    "DELETE FROM t",
  ].map((sql) => [sql, db.run(sql), db.state()]),
);

story("result codes are extended where that is asked for", (db, { exports }) => {
  db.run("CREATE TABLE t (a UNIQUE)");
  db.run("INSERT INTO t VALUES (1)");
  return [1, 0, 1, 0].map((on) => {
    const asked = exports.sqlite3_extended_result_codes(db.pointer, on);
    return [asked, db.run("INSERT INTO t VALUES (1)"), db.state()];
  });
});

story("what is known of a statement", (db, binding) => {
  const { exports } = binding;
  db.run("CREATE TABLE t (a, b)");
  return [
    "SELECT 1",
    "SELECT * FROM t WHERE a = ?",
    "SELECT ?7, ?, :name, @other, $third::x(y), :name, ?2",
    `SELECT ${Array.from({ length: 300 }, (_, i) => (i % 3 === 0 ? `:p${i}` : "?")).join(",")}`,
    "INSERT INTO t VALUES (:a, :b)",
    "INSERT INTO t VALUES (1, 2) RETURNING a",
    "PRAGMA journal_mode",
    "PRAGMA user_version",
    "PRAGMA user_version = 3",
    "EXPLAIN INSERT INTO t VALUES (1, 2)",
    "EXPLAIN QUERY PLAN SELECT * FROM t",
    "BEGIN",
    "BEGIN IMMEDIATE",
    "CREATE TEMP TABLE u (a)",
    "VACUUM",
  ].map((sql) => {
    const statement = db.prepare(sql);
    const count = exports.sqlite3_bind_parameter_count(statement);
    const names = Array.from({ length: count + 2 }, (_, i) =>
      binding.readCString(exports.sqlite3_bind_parameter_name(statement, i)),
    );
    const isReadonly = exports.sqlite3_stmt_readonly(statement);
    const isExplain = exports.sqlite3_stmt_isexplain(statement);
    exports.sqlite3_finalize(statement);
    return { sql, count, names, isReadonly, isExplain };
  });
});

story("how often a statement was compiled again", (db, { exports }) => {
  db.run("CREATE TABLE t (a, b)");
  db.run("INSERT INTO t VALUES (2, 1), (1, 2)");
  const statement = db.prepare("SELECT * FROM t ORDER BY a");
  const counters = (change: string) => {
    db.run(change);
    while (exports.sqlite3_step(statement) === 100);
    exports.sqlite3_reset(statement);
    const columns = exports.sqlite3_column_count(statement);
    // Full scans, sorts, compilations after the first, runs.
    return [columns, ...[1, 2, 5, 6].map((i) => exports.sqlite3_stmt_status(statement, i, 0))];
  };
  return [
    counters("SELECT 1"),
    counters("ALTER TABLE t ADD COLUMN c"),
    counters("SELECT 1"),
    counters("CREATE INDEX i ON t (a)"),
    counters("ALTER TABLE t DROP COLUMN b"),
  ];
});

story("integers of 64 bits, NULL and empty blobs go in and come out", (db, binding) => {
  const { exports } = binding;
  const statement = db.prepare("SELECT ?1, typeof(?1), ?2, typeof(?2), ?3, typeof(?3), hex(?3)");
  const values = [
    0n,
    1n,
    -1n,
    2n ** 31n,
    -(2n ** 31n),
    2n ** 32n,
    2n ** 53n + 1n,
    -(2n ** 53n) - 1n,
  ];
  return [...values, 2n ** 63n - 1n, -(2n ** 63n)].map((value) => {
    const bound = [
      exports.sqlite3_bind_int64(statement, 1, value),
      exports.sqlite3_bind_null(statement, 2),
      exports.sqlite3_bind_zeroblob(statement, 3, 0),
      exports.sqlite3_bind_int64(statement, 4, value),
    ];
    exports.sqlite3_step(statement);
    const row = Array.from({ length: 7 }, (_, i) => [
      exports.sqlite3_column_type(statement, i),
      binding.readCString(exports.sqlite3_column_text(statement, i)),
      i === 0 ? exports.sqlite3_column_int64(statement, i) : undefined,
    ]);
    exports.sqlite3_reset(statement);
    return [bound, row];
  });
});

story("the authorizer is told of everything, and may refuse it", (db, binding) => {
  const told: unknown[] = [];
  const authorizer = binding.install(
    "i(pipppp)",
    (_: number, action: number, ...names: readonly Pointer[]) => {
      told.push([action, ...names.map((name) => binding.readCString(name))]);
      return action === 24 ? 1 : OK;
    },
  );
  binding.exports.sqlite3_set_authorizer(db.pointer, authorizer, 0);
  told.push(db.run("CREATE TABLE t (a)"));
  told.push(db.run("PRAGMA cache_size = 10"));
  told.push(db.run("UPDATE t SET a = 1"));
  told.push(db.run("ATTACH ':memory:' AS other"));
  binding.exports.sqlite3_set_authorizer(db.pointer, 0, 0);
  told.push(db.run("ATTACH ':memory:' AS other"));
  return told;
});

story("hooks are told of the end of a transaction, and may turn a commit around", (db, binding) => {
  const told: unknown[] = [];
  let refuses = 0;
  const onCommit = binding.install("i(p)", (data: Pointer) => {
    told.push(["commit", data]);
    return refuses;
  });
  const onRollback = binding.install("v(p)", (data: Pointer) => void told.push(["rollback", data]));
  const { exports } = binding;
  told.push(exports.sqlite3_commit_hook(db.pointer, onCommit, 11));
  told.push(exports.sqlite3_rollback_hook(db.pointer, onRollback, 12));
  told.push(db.run("CREATE TABLE t (a)"));
  told.push(db.run("SELECT * FROM t"), db.run("BEGIN"));
  told.push(db.run("INSERT INTO t VALUES (1)"), db.run("ROLLBACK"));
  refuses = 1;
  told.push(db.run("INSERT INTO t VALUES (1)"), db.state());
  told.push(exports.sqlite3_commit_hook(db.pointer, 0, 0));
  told.push(exports.sqlite3_rollback_hook(db.pointer, 0, 0));
  told.push(db.run("INSERT INTO t VALUES (1)"));
  return told;
});

story("the progress handler is called, and stops a statement", (db, binding) => {
  const forever =
    "WITH RECURSIVE c (x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM c) SELECT * FROM c";
  let calls = 0;
  const handler = binding.install("i(p)", () => (++calls >= 50 ? 1 : 0));
  const { exports } = binding;
  return [1_000, 10, 100]
    .map((steps) => {
      calls = 0;
      exports.sqlite3_progress_handler(db.pointer, steps, handler, 0);
      const stopped = db.run(forever);
      const called = calls;
      exports.sqlite3_progress_handler(db.pointer, 0, 0, 0);
      return [stopped, called, db.run("SELECT 1"), calls === called, db.state()];
    })
    .concat([[binding.exports.sqlite3_get_autocommit(db.pointer)]]);
});

story("a backup says how far it has come", (db, binding) => {
  const { exports } = binding;
  // The builds have different defaults.
  db.run("PRAGMA page_size = 4096");
  db.run("CREATE TABLE t (a)");
  db.run("INSERT INTO t VALUES (zeroblob(20000))");
  const destination = new Db(binding);
  const main = binding.cString("main");
  const backup = exports.sqlite3_backup_init(destination.pointer, main, db.pointer, main);
  const steps = [1, 2, 2, 100].map((pages) => [
    exports.sqlite3_backup_step(backup, pages),
    exports.sqlite3_backup_remaining(backup),
    exports.sqlite3_backup_pagecount(backup),
  ]);
  return [...steps, exports.sqlite3_backup_finish(backup), destination.run("SELECT * FROM t")];
});

describe("the name of every result code", () => {
  const codes = Array.from({ length: 29 }, (_, primary) => primary).flatMap((primary) =>
    Array.from({ length: 40 }, (_, high) => primary | (high << 8)),
  );

  test.each(VARIANTS)("is the official build's with sql.js as %s", (_, binding) => {
    const names = (from: Binding) => codes.map((code) => [code, from.codeName(code)]);
    expect(names(binding)).toEqual(names(official));
  });
});
