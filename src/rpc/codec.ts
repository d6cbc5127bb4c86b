// How a result travels from the thread that owns SQLite to the caller's: column by column, in one
// buffer that is transferred (`packed-bytes.ts` has its map), and rows only at the end.

import type { SqlValue } from "../types.ts";
import { readColumns, rowCount } from "./column-reader.ts";
import { ColumnWriter } from "./column-writer.ts";
import { headBytes, Views } from "./packed-bytes.ts";
import type { Want } from "./protocol.ts";
import type { RowCollector } from "./rows.ts";
import { rowArrays, rowShape } from "./shape.ts";

/** A result as plain data. */
export interface PackedRows {
  readonly want: Want;
  readonly columns: readonly string[];
  readonly buffer: ArrayBuffer;
}

/** A buffer smaller than this is faster copied than transferred. */
const LEAST_TRANSFERRED = 8192;

/** The buffers to transfer with a packed result; small ones are left to be copied. */
export function transferables(packed: PackedRows): ArrayBuffer[] {
  return packed.buffer.byteLength < LEAST_TRANSFERRED ? [] : [packed.buffer];
}

/** Packs the cells of one result after another. */
export class RowPacker implements RowCollector {
  rows = 0;
  #want: Want = "changes";
  #mostRows = 0;
  #columns: readonly string[] = [];
  /** Cells of columns from here on are dropped. */
  #keptColumns = 0;
  readonly #writers: ColumnWriter[] = [];

  start(want: Want, mostRows: number): void {
    this.rows = 0;
    this.#want = want;
    this.#mostRows = mostRows;
    this.#useColumns(this.#columns);
  }

  begin(columns: readonly string[]): void {
    this.#useColumns(columns);
  }

  null(column: number): void {
    if (column < this.#keptColumns) this.#writers[column]?.null(this.rows);
  }

  number(column: number, value: number): void {
    if (column < this.#keptColumns) this.#writers[column]?.number(this.rows, value);
  }

  bigint(column: number, value: bigint): void {
    if (column < this.#keptColumns) this.#writers[column]?.bigint(this.rows, value);
  }

  text(column: number, heap: Uint8Array, start: number, end: number): void {
    if (column < this.#keptColumns) this.#writers[column]?.text(this.rows, heap, start, end);
  }

  blob(column: number, heap: Uint8Array, start: number, end: number): void {
    if (column < this.#keptColumns) this.#writers[column]?.blob(this.rows, heap, start, end);
  }

  endRow(): boolean {
    this.rows++;
    // The other wants are of one row.
    if (this.#want !== "objects" && this.#want !== "arrays") this.#keptColumns = 0;
    return this.rows < this.#mostRows;
  }

  take(): PackedRows {
    const kept = keptColumns(this.#want, this.#columns.length);
    let size = headBytes(kept);
    for (let i = 0; i < kept; i++) size += this.#writers[i]?.byteLength ?? 0;
    const buffer = new ArrayBuffer(size);
    this.#write(new Views(buffer), kept);
    this.rows = 0;
    this.#useColumns(this.#columns);
    return { want: this.#want, columns: this.#columns, buffer };
  }

  #write(views: Views, kept: number): void {
    const many = this.#want === "objects" || this.#want === "arrays";
    views.u32[0] = many ? this.rows : Math.min(this.rows, 1);
    views.u32[1] = kept;
    let at = headBytes(kept);
    for (let i = 0; i < kept; i++) at = this.#writers[i]?.write(views, i, at) ?? at;
  }

  #useColumns(columns: readonly string[]): void {
    this.#columns = columns;
    this.#keptColumns = keptColumns(this.#want, columns.length);
    while (this.#writers.length < this.#keptColumns) this.#writers.push(new ColumnWriter());
    for (let i = 0; i < this.#keptColumns; i++) this.#writers[i]?.clear();
  }
}

function keptColumns(want: Want, all: number): number {
  if (want === "changes") return 0;
  return want === "value" ? Math.min(all, 1) : all;
}

/**
 * The packed result in the form that its request wanted: rows as objects or as arrays, or of the
 * first row the object, the array or the first cell, and undefined where there is none.
 */
export function unpackRows(packed: PackedRows): unknown {
  const views = new Views(packed.buffer);
  const rows = rowCount(views);
  const columns = readColumns(views, packed.columns.length);
  switch (packed.want) {
    case "objects":
      return rowShape(packed.columns).objects(rows, columns);
    case "arrays":
      return rowArrays(rows, columns);
    case "first":
      return rows === 0 ? undefined : rowShape(packed.columns).objects(1, columns)[0];
    case "firstArray":
      return rows === 0 ? undefined : rowArrays(1, columns)[0];
    case "value":
      return rows === 0 ? undefined : firstCell(columns);
    case "changes":
      return undefined;
    default:
      return packed.want satisfies never;
  }
}

function firstCell(columns: readonly ArrayLike<SqlValue>[]): SqlValue | undefined {
  return columns[0]?.[0];
}
