// Cells of one row, one after the other: what most replies are, and what needs no columns.
//
//   a cell   i32 kind, i32 bytes; payload, padded to 8: f64, i64, WTF-8 or bytes
//
// The same form is in frames, so that a row is copied into a frame as it is, and read where it lies.

import { decodeText } from "../text.ts";
import type { SqlValue } from "../types.ts";
import { copyBytes } from "./copy-bytes.ts";
import { align8, BIGINT, BLOB, NULL, NUMBER, TEXT, Views } from "./packed-bytes.ts";

const FIRST_BYTES = 1024;
/** A larger buffer is not kept for the next row. */
const MOST_KEPT_BYTES = 1 << 20;
/** Fewer words are faster copied one by one than through a subarray. */
const FEW = 48;

/** Takes in the cells of one row. */
export class CellWriter {
  #views = new Views(new ArrayBuffer(FIRST_BYTES));
  #at = 0;

  clear(): void {
    this.#at = 0;
    if (this.#views.buffer.byteLength > MOST_KEPT_BYTES) {
      this.#views = new Views(new ArrayBuffer(FIRST_BYTES));
    }
  }

  null(): void {
    this.#start(NULL, 0);
  }

  number(value: number): void {
    const at = this.#start(NUMBER, 8);
    this.#views.f64[at / 8] = value;
  }

  bigint(value: bigint): void {
    const at = this.#start(BIGINT, 8);
    this.#views.i64[at / 8] = value;
  }

  text(heap: Uint8Array, start: number, end: number): void {
    this.#copy(TEXT, heap, start, end);
  }

  blob(heap: Uint8Array, start: number, end: number): void {
    this.#copy(BLOB, heap, start, end);
  }

  /** Bytes of the cells so far, a multiple of 8. */
  get byteLength(): number {
    return this.#at;
  }

  /** The cells so far, from the first word on; good until the next call. */
  get words(): Int32Array {
    return this.#views.i32;
  }

  /** A copy of the cells so far. */
  take(): Uint8Array<ArrayBuffer> {
    return this.#views.u8.slice(0, this.#at);
  }

  #copy(kind: number, heap: Uint8Array, start: number, end: number): void {
    const to = this.#start(kind, end - start);
    copyBytes(heap, start, end, this.#views.data, to);
  }

  /** Writes the head of a cell, and returns where its payload goes. */
  #start(kind: number, bytes: number): number {
    const at = this.#at;
    const end = at + 8 + align8(bytes);
    if (end > this.#views.buffer.byteLength) this.#grow(end);
    this.#views.i32[at / 4] = kind;
    this.#views.i32[at / 4 + 1] = bytes;
    this.#at = end;
    return at + 8;
  }

  #grow(need: number): void {
    const more = new Views(
      new ArrayBuffer(align8(Math.max(need, this.#views.buffer.byteLength * 2))),
    );
    more.u8.set(this.#views.u8.subarray(0, this.#at));
    this.#views = more;
  }
}

/** Copies the first `count` words of `from` to `to` at `at`. */
export function copyWords(from: Int32Array, to: Int32Array, at: number, count: number): void {
  if (count > FEW) to.set(from.subarray(0, count), at);
  else for (let i = 0; i < count; i++) to[at + i] = from[i] ?? 0;
}

/** Reads cells where they lie. */
export class CellReader {
  readonly #views: Views;
  /** Where the next cell starts, in bytes. */
  at = 0;

  constructor(views: Views) {
    this.#views = views;
  }

  next(): SqlValue {
    const views = this.#views;
    const { at } = this;
    const kind = views.i32[at / 4];
    const bytes = views.i32[at / 4 + 1] ?? 0;
    const from = at + 8;
    this.at = from + align8(bytes);
    switch (kind) {
      case NULL:
        return null;
      case NUMBER:
        return views.f64[from / 8] ?? 0;
      case BIGINT:
        return views.i64[from / 8] ?? 0n;
      case TEXT:
        return decodeText(views.u8, from, from + bytes);
      default:
        return views.u8.slice(from, from + bytes);
    }
  }

  row(count: number): SqlValue[] {
    const cells: SqlValue[] = [];
    for (let i = 0; i < count; i++) cells.push(this.next());
    return cells;
  }
}
