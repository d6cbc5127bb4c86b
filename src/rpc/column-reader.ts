// Reads the columns of a packed result back.

import type { SqlValue } from "../types.ts";
import {
  align8,
  BIGINT,
  BLOB,
  BLOBS,
  DESCRIPTOR_WORDS,
  HEAD_WORDS,
  headBytes,
  INTS,
  KIND,
  MIXED,
  NULL,
  NUMBER,
  TEXT,
  type Views,
} from "./packed-bytes.ts";
import type { Column } from "./shape.ts";
import { readText, readTexts } from "./text-reader.ts";

/** The rows of a packed result. */
export function rowCount(views: Views): number {
  return views.u32[0] ?? 0;
}

/** The first `most` columns of a packed result. Number columns may be views into its buffer. */
export function readColumns(views: Views, most: number): Column[] {
  const rows = rowCount(views);
  const all = views.u32[1] ?? 0;
  const columns: Column[] = [];
  let at = headBytes(all);
  for (let i = 0; i < all && i < most; i++) {
    const parts = partsOf(views, i, at, rows);
    columns.push(readColumn(views, parts, rows));
    at = parts.end;
  }
  return columns;
}

/** Where the parts of a column start, in bytes. */
interface Parts {
  readonly kind: number;
  readonly ints: boolean;
  readonly blobs: boolean;
  readonly numbers: number;
  readonly bigints: number;
  readonly lengths: number;
  readonly lengthCount: number;
  readonly tags: number;
  readonly bytes: number;
  readonly end: number;
}

function partsOf(views: Views, index: number, at: number, rows: number): Parts {
  const word = HEAD_WORDS + DESCRIPTOR_WORDS * index;
  const flags = views.u32[word] ?? 0;
  const numberCount = views.u32[word + 1] ?? 0;
  const bigintCount = views.u32[word + 2] ?? 0;
  const lengthCount = views.u32[word + 3] ?? 0;
  const byteCount = views.u32[word + 4] ?? 0;
  const ints = (flags & INTS) !== 0;
  const kind = flags & KIND;
  const bigints = ints ? at : at + 8 * numberCount;
  const afterBigints = bigints + 8 * bigintCount;
  const lengths = ints ? afterBigints + 4 * numberCount : afterBigints;
  const tags = lengths + 4 * lengthCount;
  const bytes = kind === MIXED ? tags + rows : tags;
  return {
    kind,
    ints,
    blobs: (flags & BLOBS) !== 0,
    numbers: ints ? afterBigints : at,
    bigints,
    lengths,
    lengthCount,
    tags,
    bytes,
    end: align8(bytes + byteCount),
  };
}

function readColumn(views: Views, parts: Parts, rows: number): Column {
  switch (parts.kind) {
    case NULL:
      return new Array<SqlValue>(rows).fill(null);
    case NUMBER:
      return parts.ints
        ? new Int32Array(views.buffer, parts.numbers, rows)
        : new Float64Array(views.buffer, parts.numbers, rows);
    case BIGINT:
      return Array.from(new BigInt64Array(views.buffer, parts.bigints, rows));
    case TEXT:
      return readTexts(views, parts.lengths / 4, rows, parts.bytes);
    case BLOB:
      return readBlobs(views, parts, rows);
    case MIXED:
      return readMixed(views, parts, rows);
    default:
      throw new Error(`BUG: a packed column has the kind ${parts.kind}`);
  }
}

function readBlobs(views: Views, parts: Parts, rows: number): SqlValue[] {
  const blobs = new Array<SqlValue>(rows);
  let from = parts.bytes;
  for (let i = 0; i < rows; i++) {
    const to = from + (views.u32[parts.lengths / 4 + i] ?? 0);
    blobs[i] = views.u8.slice(from, to);
    from = to;
  }
  return blobs;
}

function readMixed(views: Views, parts: Parts, rows: number): SqlValue[] {
  // Texts that no blobs lie between are decoded together.
  const texts = parts.blobs
    ? undefined
    : readTexts(views, parts.lengths / 4, parts.lengthCount, parts.bytes);
  const numbers: Int32Array | Float64Array = parts.ints ? views.i32 : views.f64;
  const cells = new Array<SqlValue>(rows);
  let number = parts.numbers / (parts.ints ? 4 : 8);
  let bigint = parts.bigints / 8;
  let text = 0;
  let length = parts.lengths / 4;
  let from = parts.bytes;
  for (let i = 0; i < rows; i++) {
    const tag = views.u8[parts.tags + i];
    if (tag === NULL) cells[i] = null;
    else if (tag === NUMBER) cells[i] = numbers[number++] ?? null;
    else if (tag === BIGINT) cells[i] = views.i64[bigint++] ?? null;
    else if (texts !== undefined) cells[i] = texts[text++] ?? null;
    else {
      const to = from + (views.u32[length++] ?? 0);
      cells[i] = tag === TEXT ? readText(views, from, to) : views.u8.slice(from, to);
      from = to;
    }
  }
  return cells;
}
