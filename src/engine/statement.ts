// One prepared statement: binding, stepping, and handing cells to a sink straight from SQLite's
// memory.

import { encodeText, maxTextBytes } from "../text.ts";
import type { IntegerMode, RowSink, SqlValue } from "../types.ts";
import type { Binding, Exports, Pointer } from "./binding.ts";
import * as code from "./codes.ts";
import type { Writes } from "./compilation.ts";
import type { EngineStatement } from "./engine.ts";
import type { PlainCells } from "./plain-cells.ts";

/** Values up to this size are copied by SQLite from a scratch area; larger ones are handed over. */
export const SCRATCH_BYTES = 65_536;

const MOST_INT64 = 2n ** 63n - 1n;
const LEAST_INT64 = -(2n ** 63n);

/** What a statement needs of the connection it belongs to. */
export interface StatementOwner {
  readonly binding: Binding;
  /** {@link SCRATCH_BYTES} of WebAssembly memory for any call to use. */
  readonly scratch: Pointer;
  /** Undefined where every cell is asked for through the API. */
  readonly cells: PlainCells | undefined;
  /** Called before a statement starts; returns what {@link afterRun} is given. */
  beforeStep(writes: Writes | undefined): number;
  /** Called when a statement has ended, whether it failed or not. */
  afterRun(statement: Statement, totalBefore: number): void;
  /** The error the connection reports for `sql`. */
  error(resultCode: number, sql: string): Error;
}

/** What is known of a statement once it is compiled. */
export interface StatementFacts {
  readonly sql: string;
  readonly tail: string;
  readonly taints: boolean;
  readonly readonly: boolean;
  readonly changesSchema: boolean;
  readonly controlsTransaction: boolean;
  readonly writes: Writes | undefined;
}

export class Statement implements EngineStatement {
  readonly sql: string;
  readonly tail: string;
  readonly taints: boolean;
  readonly readonly: boolean;
  readonly changesSchema: boolean;
  readonly controlsTransaction: boolean;
  readonly parameters: readonly (string | undefined)[];
  /** What it may change; undefined where that is nothing. The connection keeps it up to date. */
  writes: Writes | undefined;
  readonly #owner: StatementOwner;
  readonly #exports: Exports;
  readonly #pointer: Pointer;
  #columnCount: number;
  #columns: readonly string[] | undefined;
  /** How often SQLite has compiled the statement anew. */
  #recompiled = 0;
  #recompiledForWrites = 0;
  #running = false;
  #totalBefore = 0;
  #destructor = code.TRANSIENT;
  #scratchUsed = 0;

  constructor(owner: StatementOwner, pointer: Pointer, facts: StatementFacts) {
    this.#owner = owner;
    this.#exports = owner.binding.exports;
    this.#pointer = pointer;
    this.sql = facts.sql;
    this.tail = facts.tail;
    this.taints = facts.taints;
    this.readonly = facts.readonly;
    this.changesSchema = facts.changesSchema;
    this.controlsTransaction = facts.controlsTransaction;
    this.writes = facts.writes;
    this.parameters = this.#parameterNames();
    this.#columnCount = this.#exports.sqlite3_column_count(pointer);
  }

  get columns(): readonly string[] {
    this.#columns ??= this.#columnNames();
    return this.#columns;
  }

  bind(values: readonly SqlValue[], once = false): void {
    // Values of a statement that is run once lie in the scratch area, one behind the other.
    this.#scratchUsed = 0;
    this.#destructor = once ? code.STATIC : code.TRANSIENT;
    for (let i = 0; i < values.length; i++) {
      const result = this.#bindOne(i + 1, values[i] ?? null);
      if (result !== code.OK) throw this.#owner.error(result, this.sql);
    }
  }

  run(sink: RowSink | undefined, integers: IntegerMode): boolean {
    const exports = this.#exports;
    const pointer = this.#pointer;
    if (!this.#running) this.#totalBefore = this.#owner.beforeStep(this.writes);
    this.#running = true;
    // The sink has taken other statements' rows since it took this one's.
    let first = true;
    for (;;) {
      const result = exports.sqlite3_step(pointer);
      if (result === code.ROW) {
        if (sink === undefined) continue;
        if (first) this.#begin(sink);
        first = false;
        if (!this.#emitRow(sink, integers)) return false;
      } else if (result === code.DONE) {
        this.reset();
        return true;
      } else {
        const error = this.#owner.error(result, this.sql);
        this.reset();
        throw error;
      }
    }
  }

  reset(): void {
    this.#exports.sqlite3_reset(this.#pointer);
    if (!this.#running) return;
    this.#running = false;
    this.#owner.afterRun(this, this.#totalBefore);
  }

  /** SQLite has compiled it anew since this was asked for the last time. */
  get wasRecompiled(): boolean {
    const count = this.#compilations();
    const before = this.#recompiledForWrites;
    this.#recompiledForWrites = count;
    return count !== before;
  }

  finalize(): void {
    this.#exports.sqlite3_finalize(this.#pointer);
  }

  /** The first step compiles the statement anew where the schema changed, and with it the columns. */
  #begin(sink: RowSink): void {
    const recompiled = this.#compilations();
    if (recompiled !== this.#recompiled) {
      this.#recompiled = recompiled;
      this.#columnCount = this.#exports.sqlite3_column_count(this.#pointer);
      this.#columns = undefined;
    }
    sink.begin(this.columns);
  }

  /** How often SQLite has compiled it after the first time. */
  #compilations(): number {
    return this.#exports.sqlite3_stmt_status(this.#pointer, code.STATUS_REPREPARE, 0);
  }

  #emitRow(sink: RowSink, integers: IntegerMode): boolean {
    const { cells } = this.#owner;
    const count = this.#columnCount;
    try {
      for (let i = 0; i < count; i++) {
        if (cells !== undefined)
          i = cells.emit(sink, this.#pointer, i, count, integers !== "bigint");
        if (i < count) this.#emitCell(sink, i, integers);
      }
    } catch (thrown) {
      this.reset();
      throw thrown;
    }
    return sink.endRow();
  }

  #emitCell(sink: RowSink, column: number, integers: IntegerMode): void {
    const type = this.#exports.sqlite3_column_type(this.#pointer, column);
    if (type === code.TYPE_INTEGER) this.#emitInteger(sink, column, integers);
    else if (type === code.TYPE_TEXT) this.#emitText(sink, column);
    else if (type === code.TYPE_FLOAT) {
      sink.number(column, this.#exports.sqlite3_column_double(this.#pointer, column));
    } else if (type === code.TYPE_BLOB) this.#emitBlob(sink, column);
    else sink.null(column);
  }

  /** A double is exact up to 2^53 − 1, and much cheaper than a bigint. */
  #emitInteger(sink: RowSink, column: number, integers: IntegerMode): void {
    const exports = this.#exports;
    if (integers !== "bigint") {
      const value = exports.sqlite3_column_double(this.#pointer, column);
      if (Number.isSafeInteger(value)) {
        sink.number(column, value);
        return;
      }
    }
    const value = exports.sqlite3_column_int64(this.#pointer, column);
    if (integers === "number") {
      throw new RangeError(
        `column "${this.columns[column]}" holds ${value}, which a number cannot hold exactly; open the pool with integers: "auto" or "bigint"`,
      );
    }
    sink.bigint(column, value);
  }

  #emitText(sink: RowSink, column: number): void {
    const start = this.#exports.sqlite3_column_text(this.#pointer, column) >>> 0;
    const length = this.#exports.sqlite3_column_bytes(this.#pointer, column);
    sink.text(column, this.#owner.binding.u8(), start, start + length);
  }

  #emitBlob(sink: RowSink, column: number): void {
    const start = this.#exports.sqlite3_column_blob(this.#pointer, column) >>> 0;
    const length = this.#exports.sqlite3_column_bytes(this.#pointer, column);
    sink.blob(column, this.#owner.binding.u8(), start, start + length);
  }

  #bindOne(index: number, value: SqlValue): number {
    const exports = this.#exports;
    const pointer = this.#pointer;
    if (value === null) return exports.sqlite3_bind_null(pointer, index);
    switch (typeof value) {
      case "number":
        return this.#bindNumber(index, value);
      case "string":
        return this.#bindText(index, value);
      case "bigint":
        if (value < LEAST_INT64 || value > MOST_INT64) {
          throw new TypeError(`parameter ${index} is ${value}, which needs more than 64 bits`);
        }
        return exports.sqlite3_bind_int64(pointer, index, value);
      default:
        return this.#bindBlob(index, value);
    }
  }

  #bindNumber(index: number, value: number): number {
    const exports = this.#exports;
    if ((value | 0) === value && !Object.is(value, -0)) {
      return exports.sqlite3_bind_int(this.#pointer, index, value);
    }
    if (Number.isSafeInteger(value) && !Object.is(value, -0)) {
      return exports.sqlite3_bind_int64(this.#pointer, index, BigInt(value));
    }
    return exports.sqlite3_bind_double(this.#pointer, index, value);
  }

  #bindText(index: number, text: string): number {
    const { binding, scratch } = this.#owner;
    const most = maxTextBytes(text);
    const bind = this.#exports.sqlite3_bind_text;
    if (this.#scratchUsed + most <= SCRATCH_BYTES) {
      const start = scratch + this.#scratchUsed;
      const end = encodeText(text, binding.u8(), start);
      this.#useScratch(end - scratch);
      return bind(this.#pointer, index, start, end - start, this.#destructor);
    }
    const address = binding.alloc(most);
    if (address === 0) return code.NOMEM;
    const end = encodeText(text, binding.u8(), address);
    return bind(this.#pointer, index, address, end - address, binding.freeFunction);
  }

  #bindBlob(index: number, bytes: Uint8Array): number {
    const { binding, scratch } = this.#owner;
    const { length } = bytes;
    // A NULL pointer would bind NULL.
    if (length === 0) return this.#exports.sqlite3_bind_zeroblob(this.#pointer, index, 0);
    const bind = this.#exports.sqlite3_bind_blob;
    if (this.#scratchUsed + length <= SCRATCH_BYTES) {
      const start = scratch + this.#scratchUsed;
      binding.u8().set(bytes, start);
      this.#useScratch(this.#scratchUsed + length);
      return bind(this.#pointer, index, start, length, this.#destructor);
    }
    const address = binding.alloc(length);
    if (address === 0) return code.NOMEM;
    binding.u8().set(bytes, address);
    return bind(this.#pointer, index, address, length, binding.freeFunction);
  }

  #useScratch(end: number): void {
    if (this.#destructor === code.STATIC) this.#scratchUsed = end;
  }

  #columnNames(): readonly string[] {
    const names: string[] = [];
    for (let i = 0; i < this.#columnCount; i++) {
      const name = this.#exports.sqlite3_column_name(this.#pointer, i);
      names.push(this.#owner.binding.readCString(name));
    }
    return names;
  }

  #parameterNames(): readonly (string | undefined)[] {
    const names: (string | undefined)[] = [];
    const count = this.#exports.sqlite3_bind_parameter_count(this.#pointer);
    for (let i = 1; i <= count; i++) {
      const name = this.#exports.sqlite3_bind_parameter_name(this.#pointer, i);
      names.push(name === 0 ? undefined : this.#owner.binding.readCString(name));
    }
    return names;
  }
}
