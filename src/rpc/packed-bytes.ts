// The bytes of a packed result.
//
//   u32 rows, u32 columns, then per column a descriptor of five u32:
//     kind (with the flags INTS and BLOBS), numbers, bigints, lengths, bytes
//   padding to 8, then per column, each part only as long as its count in the descriptor says:
//     f64 numbers            when INTS is not set
//     i64 bigints
//     i32 numbers            when INTS is set: all are 32-bit integers
//     u32 lengths            of texts and blobs, in bytes
//     u8  tags               one per row, only of MIXED: the kind of each cell
//     u8  bytes              of texts and blobs, one after the other
//   padding to 8
//
// A cell takes the next number, bigint or length of its column, so a column that is all of one kind
// needs no tags. Counts are u32, in the byte order of the machine, which both threads share.

/** What a cell, or every cell of a column, is. */
export const NULL = 0;
export const NUMBER = 1;
export const BIGINT = 2;
export const TEXT = 3;
export const BLOB = 4;
export const MIXED = 5;

/** Bits beside the kind of a column. */
export const KIND = 7;
export const INTS = 8;
export const BLOBS = 16;

/** u32 words in front of the descriptors, and of each descriptor. */
export const HEAD_WORDS = 2;
export const DESCRIPTOR_WORDS = 5;

/** Rounds up to where an f64 may start. */
export function align8(bytes: number): number {
  return Math.ceil(bytes / 8) * 8;
}

/** Bytes in front of the columns' parts. */
export function headBytes(columns: number): number {
  return align8((HEAD_WORDS + DESCRIPTOR_WORDS * columns) * 4);
}

/** One buffer seen as numbers of every width. Its length is a multiple of 8. */
export class Views {
  readonly u8: Uint8Array<ArrayBuffer>;
  readonly i32: Int32Array<ArrayBuffer>;
  readonly u32: Uint32Array<ArrayBuffer>;
  readonly f64: Float64Array<ArrayBuffer>;
  readonly buffer: ArrayBuffer;
  #i64: BigInt64Array<ArrayBuffer> | undefined;
  #data: DataView<ArrayBuffer> | undefined;

  constructor(buffer: ArrayBuffer) {
    this.buffer = buffer;
    this.u8 = new Uint8Array(buffer);
    this.i32 = new Int32Array(buffer);
    this.u32 = new Uint32Array(buffer);
    this.f64 = new Float64Array(buffer);
  }

  /** Made when first asked for: few results have bigints. */
  get i64(): BigInt64Array<ArrayBuffer> {
    this.#i64 ??= new BigInt64Array(this.buffer);
    return this.#i64;
  }

  get data(): DataView<ArrayBuffer> {
    this.#data ??= new DataView(this.buffer);
    return this.#data;
  }
}
