// How a result travels from the thread that owns SQLite to the caller's. One row goes cell by cell
// (`cells.ts`), many go column by column (`packed-bytes.ts`), in one buffer that is transferred; they
// become rows only at the end.

import type { SqlValue } from "../types.ts";
import { CellReader, CellWriter } from "./cells.ts";
import { readColumns, rowCount } from "./column-reader.ts";
import { ColumnWriter } from "./column-writer.ts";
import { headBytes, Views } from "./packed-bytes.ts";
import type { Want } from "./protocol.ts";
import type { RowCollector } from "./rows.ts";
import { rowArrays, rowShape } from "./shape.ts";
import type { SpareBuffers } from "./spare-buffers.ts";

/** Many rows as plain data. */
export interface PackedTable {
  readonly want: Want;
  readonly columns: readonly string[];
  readonly buffer: ArrayBuffer;
}

/**
 * One row, or none: its cells in the packer, where the next result takes their place (see
 * {@link keepRow}), packed as plain data, or read already.
 */
export interface PackedRow {
  readonly want: Want;
  readonly columns: readonly string[];
  cells: CellWriter | Uint8Array<ArrayBuffer> | readonly SqlValue[] | undefined;
}

/** A result as plain data. */
export type PackedRows = PackedTable | PackedRow;

/** A buffer smaller than this is faster copied than transferred. */
const LEAST_TRANSFERRED = 8192;

/** The buffers to transfer with a packed result; small ones are left to be copied. */
export function transferables(packed: PackedRows): ArrayBuffer[] {
  const buffer = "buffer" in packed ? packed.buffer : bufferOf(packed.cells);
  return buffer === undefined || buffer.byteLength < LEAST_TRANSFERRED ? [] : [buffer];
}

/** Makes a result plain data that stays as it is while the packer goes on. */
export function keepRow(packed: PackedRows): void {
  if ("cells" in packed && packed.cells instanceof CellWriter) packed.cells = packed.cells.take();
}

function bufferOf(cells: PackedRow["cells"]): ArrayBuffer | undefined {
  return cells instanceof Uint8Array ? cells.buffer : undefined;
}

/** Packs the cells of one result after another. */
export class RowPacker implements RowCollector {
  rows = 0;
  #want: Want = "changes";
  #many = false;
  #mostRows = 0;
  #columns: readonly string[] = [];
  /** Cells of columns from here on are dropped. */
  #keptColumns = 0;
  readonly #writers: ColumnWriter[] = [];
  readonly #row = new CellWriter();
  readonly #spares: SpareBuffers | undefined;
  /** The latest single row, which may lie in {@link #row} still. */
  #lent: PackedRow | undefined;

  /** @param spares what large results are packed in, where their buffers come back */
  constructor(spares?: SpareBuffers) {
    this.#spares = spares;
  }

  start(want: Want, mostRows: number): void {
    // A reply that takes time, as one does whose changes are being kept, goes out after the next result.
    if (this.#lent !== undefined) keepRow(this.#lent);
    this.#lent = undefined;
    this.rows = 0;
    this.#want = want;
    this.#many = want === "objects" || want === "arrays";
    this.#mostRows = mostRows;
    this.#row.clear();
    this.#useColumns(this.#columns);
  }

  begin(columns: readonly string[]): void {
    this.#useColumns(columns);
  }

  null(column: number): void {
    if (column >= this.#keptColumns) return;
    if (this.#many) this.#writers[column]?.null(this.rows);
    else this.#row.null();
  }

  number(column: number, value: number): void {
    if (column >= this.#keptColumns) return;
    if (this.#many) this.#writers[column]?.number(this.rows, value);
    else this.#row.number(value);
  }

  bigint(column: number, value: bigint): void {
    if (column >= this.#keptColumns) return;
    if (this.#many) this.#writers[column]?.bigint(this.rows, value);
    else this.#row.bigint(value);
  }

  text(column: number, heap: Uint8Array, start: number, end: number): void {
    if (column >= this.#keptColumns) return;
    if (this.#many) this.#writers[column]?.text(this.rows, heap, start, end);
    else this.#row.text(heap, start, end);
  }

  blob(column: number, heap: Uint8Array, start: number, end: number): void {
    if (column >= this.#keptColumns) return;
    if (this.#many) this.#writers[column]?.blob(this.rows, heap, start, end);
    else this.#row.blob(heap, start, end);
  }

  endRow(): boolean {
    this.rows++;
    if (!this.#many) this.#keptColumns = 0;
    return this.rows < this.#mostRows;
  }

  take(): PackedRows {
    const columns = this.#columns;
    const want = this.#want;
    if (!this.#many) {
      const cells = this.rows === 0 ? undefined : this.#row;
      this.#lent = { want, columns, cells };
      return this.#lent;
    }
    const buffer = this.#takeTable();
    this.rows = 0;
    this.#useColumns(columns);
    return { want, columns, buffer };
  }

  #takeTable(): ArrayBuffer {
    const kept = this.#columns.length;
    let size = headBytes(kept);
    for (let i = 0; i < kept; i++) size += this.#writers[i]?.byteLength ?? 0;
    const views = new Views(this.#spares?.take(size) ?? new ArrayBuffer(size));
    views.u32[0] = this.rows;
    views.u32[1] = kept;
    let at = headBytes(kept);
    for (let i = 0; i < kept; i++) at = this.#writers[i]?.write(views, i, at) ?? at;
    return views.buffer;
  }

  #useColumns(columns: readonly string[]): void {
    this.#columns = columns;
    this.#keptColumns = keptColumns(this.#want, columns.length);
    if (!this.#many) return;
    while (this.#writers.length < this.#keptColumns) this.#writers.push(new ColumnWriter());
    for (let i = 0; i < this.#keptColumns; i++) this.#writers[i]?.clear();
  }
}

/** How many columns a result keeps. */
export function keptColumns(want: Want, all: number): number {
  if (want === "changes") return 0;
  return want === "value" ? Math.min(all, 1) : all;
}

/**
 * The packed result in the form that its request wanted: rows as objects or as arrays, or of the
 * first row the object, the array or the first cell, and undefined where there is none.
 */
export function unpackRows(packed: PackedRows): unknown {
  return "buffer" in packed ? unpackTable(packed) : unpackRow(packed);
}

function unpackTable({ want, columns: names, buffer }: PackedTable): unknown {
  const views = new Views(buffer);
  const rows = rowCount(views);
  const columns = readColumns(views, names.length);
  return want === "objects" ? rowShape(names).objects(rows, columns) : rowArrays(rows, columns);
}

function unpackRow(packed: PackedRow): unknown {
  keepRow(packed);
  const { want, columns } = packed;
  const cells = packed.cells as Exclude<PackedRow["cells"], CellWriter>;
  if (cells === undefined) return undefined;
  const row =
    cells instanceof Uint8Array ? readCells(cells, keptColumns(want, columns.length)) : cells;
  if (want === "first") return rowShape(columns).object(row);
  return want === "firstArray" ? row : row[0];
}

function readCells(cells: Uint8Array<ArrayBuffer>, count: number): SqlValue[] {
  return new CellReader(new Views(cells.buffer)).row(count);
}
