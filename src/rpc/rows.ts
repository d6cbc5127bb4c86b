// How a result is collected in the thread that owns SQLite. `RowBuilder` makes the caller's rows on
// the spot, for the calling thread; `RowPacker` (`codec.ts`) packs them for the way to another.

import { decodeText } from "../text.ts";
import type { Row, RowSink, SqlValue } from "../types.ts";
import type { Want } from "./protocol.ts";
import { type RowShape, rowShape } from "./shape.ts";

/** A sink that turns the cells of one result after another into what the request wants back. */
export interface RowCollector extends RowSink {
  /**
   * Starts a result. `endRow` answers false from the `mostRows`-th row on; rows beyond are still
   * taken in for `"objects"` and `"arrays"`, and dropped for the others, which want one row.
   */
  start(want: Want, mostRows: number): void;
  /** Rows of the current result so far. */
  readonly rows: number;
  /** The current result, in the form that this collector's reader understands. */
  take(): unknown;
}

/** Makes the rows the caller gets, cell by cell. */
export class RowBuilder implements RowCollector {
  rows = 0;
  #want: Want = "changes";
  #mostRows = 0;
  #columns: readonly string[] = [];
  #columnsOfShape: readonly string[] | undefined;
  #makeRow: RowShape["object"] = () => ({});
  #cells: SqlValue[] = [];
  #all: (Row | SqlValue[])[] = [];
  #one: unknown;

  start(want: Want, mostRows: number): void {
    this.rows = 0;
    this.#want = want;
    this.#mostRows = mostRows;
    this.#all = [];
    this.#one = undefined;
  }

  begin(columns: readonly string[]): void {
    this.#columns = columns;
    if (this.#want === "objects" || this.#want === "first") this.#useShape(columns);
    this.#cells = new Array<SqlValue>(columns.length);
  }

  null(column: number): void {
    this.#cells[column] = null;
  }

  number(column: number, value: number): void {
    this.#cells[column] = value;
  }

  bigint(column: number, value: bigint): void {
    this.#cells[column] = value;
  }

  text(column: number, heap: Uint8Array, start: number, end: number): void {
    this.#cells[column] = decodeText(heap, start, end);
  }

  blob(column: number, heap: Uint8Array, start: number, end: number): void {
    this.#cells[column] = heap.slice(start, end);
  }

  endRow(): boolean {
    this.rows++;
    if (this.#want === "objects") this.#all.push(this.#makeRow(this.#cells));
    else if (this.#want === "arrays") this.#pushArray();
    else if (this.rows === 1) this.#keepOne();
    return this.rows < this.#mostRows;
  }

  take(): unknown {
    const many = this.#want === "objects" || this.#want === "arrays";
    const result = many ? this.#all : this.#one;
    this.#all = [];
    this.#one = undefined;
    return result;
  }

  #pushArray(): void {
    this.#all.push(this.#cells);
    this.#cells = new Array<SqlValue>(this.#columns.length);
  }

  #keepOne(): void {
    if (this.#want === "first") this.#one = this.#makeRow(this.#cells);
    else if (this.#want === "firstArray") this.#one = this.#cells.slice();
    else if (this.#want === "value") this.#one = this.#cells[0];
  }

  /** The same array of names means the same cached statement: its shape needs no look-up. */
  #useShape(columns: readonly string[]): void {
    if (columns === this.#columnsOfShape) return;
    this.#columnsOfShape = columns;
    this.#makeRow = rowShape(columns).object;
  }
}
