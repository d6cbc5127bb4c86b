// Rows for the calling thread, where nothing has to travel. A few rows are made cell by cell; of many
// it is quicker to collect whole columns first, because their texts can then be decoded together.

import type { Row, SqlValue } from "../types.ts";
import { RowPacker, unpackRows } from "./codec.ts";
import type { Want } from "./protocol.ts";
import { RowBuilder, type RowCollector } from "./rows.ts";

/** Rows made cell by cell before the rest is collected in columns. */
const FEW_ROWS = 16;

/** Makes the rows the caller gets. */
export class DirectRows implements RowCollector {
  readonly #builder = new RowBuilder();
  readonly #packer = new RowPacker();
  #current: RowBuilder | RowPacker = this.#builder;
  #want: Want = "changes";
  #mostRows = 0;
  #columns: readonly string[] = [];

  get rows(): number {
    return this.#current === this.#builder ? this.#builder.rows : FEW_ROWS + this.#packer.rows;
  }

  start(want: Want, mostRows: number): void {
    this.#want = want;
    this.#mostRows = mostRows;
    this.#current = this.#builder;
    this.#builder.start(want, mostRows);
  }

  begin(columns: readonly string[]): void {
    this.#columns = columns;
    this.#current.begin(columns);
  }

  null(column: number): void {
    this.#current.null(column);
  }

  number(column: number, value: number): void {
    this.#current.number(column, value);
  }

  bigint(column: number, value: bigint): void {
    this.#current.bigint(column, value);
  }

  text(column: number, heap: Uint8Array, start: number, end: number): void {
    this.#current.text(column, heap, start, end);
  }

  blob(column: number, heap: Uint8Array, start: number, end: number): void {
    this.#current.blob(column, heap, start, end);
  }

  endRow(): boolean {
    const wantsMore = this.#current.endRow();
    if (wantsMore && this.#current === this.#builder && this.#builder.rows === FEW_ROWS) {
      this.#packer.start(this.#want, this.#mostRows - FEW_ROWS);
      this.#packer.begin(this.#columns);
      this.#current = this.#packer;
    }
    return wantsMore;
  }

  take(): unknown {
    const built = this.#builder.take();
    if (this.#current === this.#builder) return built;
    const rows = built as (Row | SqlValue[])[];
    for (const row of unpackRows(this.#packer.take()) as (Row | SqlValue[])[]) rows.push(row);
    return rows;
  }
}
