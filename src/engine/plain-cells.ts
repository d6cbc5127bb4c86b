// The cells of a row, read where SQLite keeps them.
//
// Of a cell, the API tells the type, the value and its length in a call of its own each; most of what
// handing over a row costs is these calls. One call tells where the row is: one `struct sqlite3_value`
// (vdbeInt.h) behind the other.
//
//   i64 or f64 number; u32 address, u32 length of a text or blob; u16 flags, u8 encoding, …: 40 bytes
//
// The struct is SQLite's own affair, so it is tried out before it is relied on, and a cell that is anything
// but plainly of one type (a text in UTF-16, a blob of zeros that are not there yet) is left to the API.

import { decodeText } from "../text.ts";
import type { RowSink } from "../types.ts";
import type { Binding, Exports, Pointer } from "./binding.ts";
import { OK, ROW } from "./codes.ts";

/** In words. */
const SIZE = 10;
const ADDRESS = 2;
const LENGTH = 3;
const FLAGS = 4;

const NULL = 0x1;
const TEXT = 0x2;
const INTEGER = 0x4;
const FLOAT = 0x8;
const BLOB = 0x10;
/** All types, and that a blob goes on with zeros. */
const TYPES = 0x43f;
const ENCODING = 0xff0000;
const UTF8 = 0x10000;

const TRIAL = "SELECT NULL, 1, -5000000000, 0.1, 'text', x'01ff'";
const EXPECTED = '[null,1,-5000000000,0.1,"text",[1,255]]';

type ColumnValue = NonNullable<Exports["sqlite3_column_value"]>;

export class PlainCells {
  readonly #binding: Binding;
  readonly #cellOf: ColumnValue;
  #i32 = new Int32Array(0);
  #f64 = new Float64Array(0);

  private constructor(binding: Binding, cellOf: ColumnValue) {
    this.#binding = binding;
    this.#cellOf = cellOf;
  }

  /** Undefined where SQLite's cells are not as they are expected to be, which is tried on an open connection. */
  static tried(binding: Binding, db: Pointer, scratch: Pointer): PlainCells | undefined {
    const { sqlite3_column_value: cellOf } = binding.exports;
    if (cellOf === undefined) return undefined;
    const cells = new PlainCells(binding, cellOf);
    return cells.#readsTrial(db, scratch) ? cells : undefined;
  }

  /**
   * Hands over cells of the statement's present row, from column `from` on, up to the first of `count` that
   * is left to the API, and returns that one's column. `integers`: those that a number holds exactly too.
   */
  emit(sink: RowSink, statement: Pointer, from: number, count: number, integers: boolean): number {
    const row = this.#cellOf(statement, 0) >>> 2;
    const heap = this.#binding.u8();
    const words = this.#words();
    for (let i = from; i < count; i++) {
      const at = row + i * SIZE;
      const type = typeAt(words, at);
      if (type === INTEGER) {
        const value = integerAt(words, at);
        if (!integers || !Number.isSafeInteger(value)) return i;
        sink.number(i, value);
      } else if (type === TEXT) {
        const start = (words[at + ADDRESS] ?? 0) >>> 0;
        sink.text(i, heap, start, start + (words[at + LENGTH] ?? 0));
      } else if (type === FLOAT) sink.number(i, this.#f64[at / 2] ?? 0);
      else if (type === NULL) sink.null(i);
      else if (type === BLOB) {
        const start = (words[at + ADDRESS] ?? 0) >>> 0;
        sink.blob(i, heap, start, start + (words[at + LENGTH] ?? 0));
      } else return i;
    }
    return count;
  }

  /** Views from before the memory grew are detached, and have no length. */
  #words(): Int32Array {
    if (this.#i32.length > 0) return this.#i32;
    const buffer = this.#binding.u8().buffer as ArrayBuffer;
    this.#f64 = new Float64Array(buffer);
    this.#i32 = new Int32Array(buffer);
    return this.#i32;
  }

  #readsTrial(db: Pointer, scratch: Pointer): boolean {
    const { exports } = this.#binding;
    const sql = this.#binding.cString(TRIAL);
    const prepared = exports.sqlite3_prepare_v3(db, sql, -1, 0, scratch, 0);
    const statement = this.#binding.u32()[scratch >> 2] ?? 0;
    try {
      if (prepared !== OK || exports.sqlite3_step(statement) !== ROW) return false;
      const cells: unknown[] = [];
      return (
        this.emit(listing(cells), statement, 0, 6, true) === 6 && JSON.stringify(cells) === EXPECTED
      );
    } finally {
      exports.sqlite3_finalize(statement);
      this.#binding.free(sql);
    }
  }
}

/** One of the types, or something else where the cell is not plain. */
function typeAt(words: Int32Array, at: number): number {
  const flags = words[at + FLAGS] ?? 0;
  const type = flags & TYPES;
  return type !== TEXT || (flags & ENCODING) === UTF8 ? type : -1;
}

/** Rounded where no number holds it exactly: it is not a safe integer then. */
function integerAt(words: Int32Array, at: number): number {
  return (words[at + 1] ?? 0) * 0x1_0000_0000 + ((words[at] ?? 0) >>> 0);
}

/** A sink that adds every cell to `cells`. */
function listing(cells: unknown[]): RowSink {
  return {
    begin() {},
    null: () => cells.push(null),
    number: (_, value) => cells.push(value),
    bigint: (_, value) => cells.push(value),
    text: (_, heap, start, end) => cells.push(decodeText(heap, start, end)),
    blob: (_, heap, start, end) => cells.push([...heap.subarray(start, end)]),
    endRow: () => true,
  };
}
