// The binary form of small requests and replies, for the ring. Every part of a frame starts at a
// multiple of 8 bytes. Both ends number the statements' texts, the column lists and the lists of
// changed tables they have seen: a frame defines a number once, later ones only name it.
//
//   any frame     i32 size in bytes, i32 type
//   RUN           i32 serial, connection, flags, sql number; f64 timeoutMs; i32 values, named
//                 [text sql, when flags say so], values: [text name] value
//   REPLY         i32 serial, flags, rows, columns' number; [f64 startedAt, ranMs, when TIMED]
//                 TABLES: i32 number, tables; [texts: names, when DEFINES_TABLES says so]
//                 CHANGES: value changes, value lastInsertRowid
//                 TABLE: i32 columns, bytes; [texts: names, when flags say so]; packed bytes
//                 ROW: i32 columns, cells (-1: there is no row); [texts: names]; the cells
//   MARKER        a message comes here in the order, through `postMessage`
//   a text        i32 0, i32 bytes; WTF-8
//   a value       a cell of `cells.ts`

import type { Want } from "./protocol.ts";

export const RUN = 1;
export const REPLY = 2;
export const MARKER = 3;

const WANTS: readonly Want[] = ["objects", "arrays", "first", "firstArray", "value", "changes"];
export const PERMIT = 1;
export const READONLY = 2;
export const DEFINES = 4;
/** A request: its reply is to tell how long it ran. A reply: it does. */
export const TIMED = 8;
export const AUTOCOMMIT = 16;
export const TAINTED = 32;
export const NEEDS_PERMIT = 64;
export const CHANGES = 128;
export const TABLE = 256;
export const ROW = 512;
export const TABLES = 1024;
export const DEFINES_TABLES = 2048;
const WANT_SHIFT = 12;

/** The bits of `want` in the flags. */
export function flagsOf(want: Want): number {
  return WANTS.indexOf(want) << WANT_SHIFT;
}

/** What {@link flagsOf} has put into the flags. */
export function wantOf(flags: number): Want {
  const want = WANTS[flags >> WANT_SHIFT];
  if (want === undefined) throw new Error(`BUG: a frame has the flags ${flags}`);
  return want;
}
