// Frames in; `frames.ts` says how they are laid out.

import { decodeText } from "../text.ts";
import type { SqlValue, TxnState } from "../types.ts";
import { CellReader } from "./cells.ts";
import { keptColumns, type PackedRow, type PackedTable } from "./codec.ts";
import type { NumberedReply, NumberedRequest } from "./endpoint.ts";
import {
  AUTOCOMMIT,
  CHANGES,
  DEFINES,
  DEFINES_TABLES,
  NEEDS_PERMIT,
  PERMIT,
  READONLY,
  ROW,
  TABLE,
  TABLES,
  TAINTED,
  TIMED,
  wantOf,
} from "./frames.ts";
import { align8, Views } from "./packed-bytes.ts";
import type { ChangesResult, RunRequest } from "./protocol.ts";
import { MOST_FRAME_BYTES } from "./ring.ts";

/** Reads the frame in {@link FrameReader.frame}. */
export class FrameReader {
  readonly #views = new Views(new ArrayBuffer(MOST_FRAME_BYTES));
  readonly #cells = new CellReader(this.#views);
  #at = 0;
  readonly #sql: string[] = [];
  readonly #columns: (readonly string[])[] = [];
  readonly #tables: (readonly string[])[] = [];

  /** Where the ring copies a frame to. */
  get frame(): Int32Array {
    return this.#views.i32;
  }

  get type(): number {
    return this.#views.i32[1] ?? 0;
  }

  readRun(): NumberedRequest {
    this.#at = 8;
    const serial = this.#int(0);
    const connection = this.#int(1);
    const flags = this.#int(2);
    const number = this.#int(3);
    const timeoutMs = this.#views.f64[3] ?? 0;
    const count = this.#int(6);
    const named = this.#int(7) !== 0;
    this.#at = 40;
    if ((flags & DEFINES) !== 0) this.#sql[number] = this.#text();
    const request: RunRequest = {
      kind: "run",
      connection,
      permit: (flags & PERMIT) !== 0,
      readonly: (flags & READONLY) !== 0,
      timeoutMs,
      timed: (flags & TIMED) !== 0,
      sql: known(this.#sql[number], number),
      params: named ? this.#named(count) : this.#positional(count),
      want: wantOf(flags),
    };
    return { serial, request };
  }

  readReply(): NumberedReply {
    this.#at = 8;
    const flags = this.#int(1);
    const serial = this.#int(0);
    const rows = this.#int(2);
    const number = this.#int(3);
    this.#at = 24;
    const timed = (flags & TIMED) !== 0;
    const [startedAt = 0, ranMs = 0] = timed ? this.#views.f64.subarray(3, 5) : [];
    if (timed) this.#at = 40;
    const changed = (flags & TABLES) === 0 ? undefined : this.#changed(flags);
    return {
      serial,
      txn: (flags & 3) as TxnState,
      autocommit: (flags & AUTOCOMMIT) !== 0,
      tainted: (flags & TAINTED) !== 0,
      needsPermit: (flags & NEEDS_PERMIT) !== 0,
      rows,
      changed,
      result: this.#result(flags, number),
      error: undefined,
      times: timed ? { startedAt, ranMs } : undefined,
    };
  }

  #changed(flags: number): readonly string[] {
    const number = this.#int(0);
    const count = this.#int(1);
    this.#at += 8;
    if ((flags & DEFINES_TABLES) !== 0) this.#tables[number] = this.#texts(count);
    return known(this.#tables[number], number);
  }

  #result(flags: number, number: number): unknown {
    if ((flags & CHANGES) !== 0) {
      const changes = this.#value() as number;
      return { changes, lastInsertRowid: this.#value() as number | bigint } satisfies ChangesResult;
    }
    if ((flags & (TABLE | ROW)) === 0) return undefined;
    const want = wantOf(flags);
    const count = this.#int(0);
    const length = this.#int(1);
    this.#at += 8;
    if ((flags & DEFINES) !== 0) this.#columns[number] = this.#texts(count);
    const columns = known(this.#columns[number], number);
    if ((flags & ROW) !== 0) {
      const cells = length < 0 ? undefined : this.#positional(keptColumns(want, count));
      return { want, columns, cells } satisfies PackedRow;
    }
    const buffer = this.#views.buffer.slice(this.#at, this.#at + length);
    return { want, columns, buffer } satisfies PackedTable;
  }

  #positional(count: number): SqlValue[] {
    const values: SqlValue[] = [];
    for (let i = 0; i < count; i++) values.push(this.#value());
    return values;
  }

  #named(count: number): Record<string, SqlValue> {
    const entries: [string, SqlValue][] = [];
    for (let i = 0; i < count; i++) entries.push([this.#text(), this.#value()]);
    return Object.fromEntries(entries);
  }

  #texts(count: number): string[] {
    const texts: string[] = [];
    for (let i = 0; i < count; i++) texts.push(this.#text());
    return texts;
  }

  #value(): SqlValue {
    this.#cells.at = this.#at;
    const value = this.#cells.next();
    this.#at = this.#cells.at;
    return value;
  }

  #text(): string {
    const from = this.#at + 8;
    const end = from + this.#int(1);
    this.#at = align8(end);
    return decodeText(this.#views.u8, from, end);
  }

  /** The `index`-th word from here. */
  #int(index: number): number {
    return this.#views.i32[this.#at / 4 + index] ?? 0;
  }
}

function known<T>(thing: T | undefined, number: number): T {
  if (thing === undefined) throw new Error(`BUG: a frame names ${number}, which none defined`);
  return thing;
}
