// Takes in one column of a result, cell by cell, without an allocation per cell.

import { copyBytes } from "./copy-bytes.ts";
import {
  align8,
  BIGINT,
  BLOB,
  BLOBS,
  DESCRIPTOR_WORDS,
  HEAD_WORDS,
  INTS,
  MIXED,
  NULL,
  NUMBER,
  TEXT,
  type Views,
} from "./packed-bytes.ts";

const FIRST_CELLS = 16;
const FIRST_BYTES = 256;
/** A buffer larger than this is not kept for the next result. */
const MOST_KEPT_BYTES = 1 << 20;
/** Fewer elements are faster copied one by one than through a subarray. */
const FEW = 48;

/**
 * One column of the result that is being packed. Cells come in row order; {@link byteLength} and
 * {@link write} tell of all cells since {@link clear}.
 */
export class ColumnWriter {
  /** The kind of every cell so far, or MIXED. */
  #kind = NULL;
  #allInts = true;
  #hasBlobs = false;
  #numbers = new Float64Array(FIRST_CELLS);
  #numberCount = 0;
  #bigints = new BigInt64Array(0);
  #bigintCount = 0;
  #lengths = new Uint32Array(0);
  #lengthCount = 0;
  #tags = new Uint8Array(0);
  #tagCount = 0;
  #bytes = new DataView(new ArrayBuffer(0));
  #byteCount = 0;

  /** Forgets all cells, and lets large buffers go. */
  clear(): void {
    this.#kind = NULL;
    this.#allInts = true;
    this.#hasBlobs = false;
    this.#numberCount = 0;
    this.#bigintCount = 0;
    this.#lengthCount = 0;
    this.#tagCount = 0;
    this.#byteCount = 0;
    if (this.#numbers.byteLength > MOST_KEPT_BYTES) this.#numbers = new Float64Array(FIRST_CELLS);
    if (this.#bigints.byteLength > MOST_KEPT_BYTES) this.#bigints = new BigInt64Array(0);
    if (this.#lengths.byteLength > MOST_KEPT_BYTES) this.#lengths = new Uint32Array(0);
    if (this.#tags.byteLength > MOST_KEPT_BYTES) this.#tags = new Uint8Array(0);
    if (this.#bytes.byteLength > MOST_KEPT_BYTES) this.#bytes = new DataView(new ArrayBuffer(0));
  }

  null(row: number): void {
    if (row === 0 || this.#kind !== NULL) this.#tag(row, NULL);
  }

  number(row: number, value: number): void {
    if (this.#kind !== NUMBER) this.#tag(row, NUMBER);
    if (this.#numberCount === this.#numbers.length) this.#numbers = grown(this.#numbers);
    this.#numbers[this.#numberCount++] = value;
    if (this.#allInts && !isInt32(value)) this.#allInts = false;
  }

  bigint(row: number, value: bigint): void {
    if (this.#kind !== BIGINT) this.#tag(row, BIGINT);
    if (this.#bigintCount === this.#bigints.length) {
      const more = new BigInt64Array(Math.max(FIRST_CELLS, this.#bigints.length * 2));
      more.set(this.#bigints);
      this.#bigints = more;
    }
    this.#bigints[this.#bigintCount++] = value;
  }

  text(row: number, heap: Uint8Array, start: number, end: number): void {
    if (this.#kind !== TEXT) this.#tag(row, TEXT);
    this.#take(heap, start, end);
  }

  blob(row: number, heap: Uint8Array, start: number, end: number): void {
    if (this.#kind !== BLOB) this.#tag(row, BLOB);
    this.#hasBlobs = true;
    this.#take(heap, start, end);
  }

  /** Bytes that {@link write} needs for the column's parts, a multiple of 8. */
  get byteLength(): number {
    const numbers = this.#numberCount * (this.#allInts ? 4 : 8);
    const lengths = this.#lengthCount * 4;
    return align8(numbers + this.#bigintCount * 8 + lengths + this.#tagCount + this.#byteCount);
  }

  /** Writes descriptor `index` and, at byte `at`, the parts; returns the end of the parts. */
  write(target: Views, index: number, at: number): number {
    const ints = this.#allInts && this.#numberCount > 0;
    const flags = (ints ? INTS : 0) | (this.#hasBlobs ? BLOBS : 0);
    const word = HEAD_WORDS + DESCRIPTOR_WORDS * index;
    target.u32[word] = this.#kind | flags;
    target.u32[word + 1] = this.#numberCount;
    target.u32[word + 2] = this.#bigintCount;
    target.u32[word + 3] = this.#lengthCount;
    target.u32[word + 4] = this.#byteCount;
    let to = at;
    if (!ints) to = 8 * copy(this.#numbers, this.#numberCount, target.f64, to / 8);
    if (this.#bigintCount > 0) {
      target.i64.set(this.#bigints.subarray(0, this.#bigintCount), to / 8);
      to += 8 * this.#bigintCount;
    }
    if (ints) to = 4 * copy(this.#numbers, this.#numberCount, target.i32, to / 4);
    to = 4 * copy(this.#lengths, this.#lengthCount, target.u32, to / 4);
    to = copy(this.#tags, this.#tagCount, target.u8, to);
    return align8(copy(new Uint8Array(this.#bytes.buffer), this.#byteCount, target.u8, to));
  }

  /** The column's first cell decides its kind; the first that differs gives all of them tags. */
  #tag(row: number, kind: number): void {
    if (row === 0) {
      this.#kind = kind;
      return;
    }
    if (row >= this.#tags.length) {
      const more = new Uint8Array(Math.max(FIRST_CELLS, row * 2));
      more.set(this.#tags);
      this.#tags = more;
    }
    if (this.#kind !== MIXED) {
      this.#tags.fill(this.#kind, 0, row);
      this.#kind = MIXED;
    }
    this.#tags[row] = kind;
    this.#tagCount = row + 1;
  }

  #take(heap: Uint8Array, start: number, end: number): void {
    if (this.#lengthCount === this.#lengths.length) {
      const more = new Uint32Array(Math.max(FIRST_CELLS, this.#lengths.length * 2));
      more.set(this.#lengths);
      this.#lengths = more;
    }
    this.#lengths[this.#lengthCount++] = end - start;
    const to = this.#byteCount;
    this.#byteCount = to + end - start;
    if (this.#byteCount + 3 > this.#bytes.byteLength) this.#growBytes(this.#byteCount + 3);
    copyBytes(heap, start, end, this.#bytes, to);
  }

  #growBytes(need: number): void {
    const more = new Uint8Array(Math.max(FIRST_BYTES, need, this.#bytes.byteLength * 2));
    more.set(new Uint8Array(this.#bytes.buffer));
    this.#bytes = new DataView(more.buffer);
  }
}

function grown(numbers: Float64Array): Float64Array<ArrayBuffer> {
  const more = new Float64Array(numbers.length * 2);
  more.set(numbers);
  return more;
}

/** -0 is a float: an integer would lose its sign. */
function isInt32(value: number): boolean {
  return (value | 0) === value && (value !== 0 || 1 / value > 0);
}

type Numbers = Uint8Array | Int32Array | Uint32Array | Float64Array;

/** Copies `from[0, count)` to `to` at `at` and returns the end. */
function copy(from: Numbers, count: number, to: Numbers, at: number): number {
  if (count <= FEW) for (let i = 0; i < count; i++) to[at + i] = from[i] ?? 0;
  else to.set(from.subarray(0, count), at);
  return at + count;
}
