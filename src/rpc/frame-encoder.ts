// Frames out; `frames.ts` says how they are laid out.

import { encodeText } from "../text.ts";
import type { SqlValue } from "../types.ts";
import { type CellWriter, copyWords } from "./cells.ts";
import type { PackedRows } from "./codec.ts";
import type { NumberedReply } from "./endpoint.ts";
import {
  AUTOCOMMIT,
  CHANGES,
  DEFINES,
  DEFINES_TABLES,
  flagsOf,
  MARKER,
  NEEDS_PERMIT,
  PERMIT,
  READONLY,
  REPLY,
  ROW,
  RUN,
  TABLE,
  TABLES,
  TAINTED,
  TIMED,
} from "./frames.ts";
import { align8, BIGINT, BLOB, NULL, NUMBER, TEXT, Views } from "./packed-bytes.ts";
import type { ChangesResult, Request, RunRequest, WireParams } from "./protocol.ts";
import { MOST_FRAME_BYTES } from "./ring.ts";

/** Numbers are given out in turn; a number given again means the newer text. */
const MOST_NUMBERS = 256;

/** Gives out numbers for keys. */
class Numbering<Key> {
  readonly #numbers = new Map<Key, number>();
  readonly #keys = new Array<Key | undefined>(MOST_NUMBERS).fill(undefined);
  #next = 0;

  find(key: Key): number | undefined {
    return this.#numbers.get(key);
  }

  /** The number that {@link take} will give next. */
  get next(): number {
    return this.#next;
  }

  /** Gives the key the next number, unless it has one. */
  learn(key: Key): void {
    if (!this.#numbers.has(key)) this.take(key);
  }

  take(key: Key): void {
    const old = this.#keys[this.#next];
    if (old !== undefined) this.#numbers.delete(old);
    this.#keys[this.#next] = key;
    this.#numbers.set(key, this.#next);
    this.#next = (this.#next + 1) % MOST_NUMBERS;
  }
}

/**
 * Thrown, and caught, in this file where something does not fit in a frame. No error: for the stack of one
 * made at the top, Chromium under automation parses the whole script again as each worker starts.
 */
const NOT_IN_FRAME = Symbol("not in frame");

class FrameWriter {
  readonly #views = new Views(new ArrayBuffer(MOST_FRAME_BYTES));
  #at = 0;

  start(type: number): void {
    this.#views.i32[1] = type;
    this.#at = 8;
  }

  pair(first: number, second: number): void {
    const word = this.#reserve(8) / 4;
    this.#views.i32[word] = first;
    this.#views.i32[word + 1] = second;
  }

  double(value: number): void {
    this.#views.f64[this.#reserve(8) / 8] = value;
  }

  text(value: string, kind: number): void {
    // The text may need less: only its real size is kept.
    const from = this.#reserve(8 + align8(value.length * 3));
    const end = encodeText(value, this.#views.u8, from + 8);
    this.#views.i32[from / 4] = kind;
    this.#views.i32[from / 4 + 1] = end - from - 8;
    this.#at = align8(end);
  }

  bytes(value: Uint8Array): void {
    this.#views.u8.set(value, this.#reserve(align8(value.length)));
  }

  value(value: SqlValue): void {
    if (value === null) this.pair(NULL, 0);
    else if (typeof value === "string") this.text(value, TEXT);
    else if (typeof value === "number") {
      this.pair(NUMBER, 8);
      this.double(value);
    } else if (typeof value === "bigint") this.#bigint(value);
    else if (value instanceof Uint8Array) {
      this.pair(BLOB, value.length);
      this.bytes(value);
    } else throw NOT_IN_FRAME;
  }

  cells(cells: CellWriter | Uint8Array<ArrayBuffer>): void {
    const words = cells instanceof Uint8Array ? new Int32Array(cells.buffer) : cells.words;
    const from = this.#reserve(cells.byteLength);
    copyWords(words, this.#views.i32, from / 4, cells.byteLength / 4);
  }

  /** The frame's words, whose first is its size in bytes; what lies behind it is of older frames. */
  finish(): Int32Array {
    this.#views.i32[0] = this.#at;
    return this.#views.i32;
  }

  /** One that SQLite cannot hold goes the other way, where it is refused with its own error. */
  #bigint(value: bigint): void {
    if (BigInt.asIntN(64, value) !== value) throw NOT_IN_FRAME;
    this.pair(BIGINT, 8);
    this.#views.i64[this.#reserve(8) / 8] = value;
  }

  #reserve(bytes: number): number {
    const from = this.#at;
    if (from + bytes > MOST_FRAME_BYTES) throw NOT_IN_FRAME;
    this.#at = from + bytes;
    return from;
  }
}

/**
 * Makes frames. Each is valid until the next is made, and has to be sent: the other end learns
 * numbers from it.
 */
export class FrameEncoder {
  readonly #writer = new FrameWriter();
  readonly #sql = new Numbering<string>();
  readonly #columns = new Numbering<string>();
  readonly #tables = new Numbering<string>();
  readonly #keys = new WeakMap<readonly string[], string>();

  marker(): Int32Array {
    this.#writer.start(MARKER);
    return this.#writer.finish();
  }

  /** Undefined for a request that has to go as a message. */
  request(serial: number, request: Request): Int32Array | undefined {
    if (request.kind !== "run") return undefined;
    return orUndefined(() => this.#run(serial, request));
  }

  /** Undefined for a reply that has to go as a message. */
  reply(request: Request, reply: NumberedReply): Int32Array | undefined {
    const { changed } = reply;
    if (reply.error !== undefined || changed === "any") return undefined;
    const frame = this.#replyFrame(request, reply);
    if (frame !== undefined && changed !== undefined) this.#tables.learn(this.#keyOf(changed));
    return frame;
  }

  #replyFrame(request: Request, reply: NumberedReply): Int32Array | undefined {
    if (reply.result === undefined) return orUndefined(() => this.#state(reply, 0, 0));
    if (request.kind === "many" || (request.kind === "run" && request.want === "changes")) {
      return orUndefined(() => this.#changes(reply));
    }
    if (request.kind !== "run") return undefined;
    return orUndefined(() => this.#rows(reply, reply.result as PackedRows));
  }

  #run(serial: number, request: RunRequest): Int32Array {
    const { sql, params, permit, readonly, timed, want } = request;
    const writer = this.#writer;
    const number = this.#sql.find(sql);
    const named = !Array.isArray(params);
    const names = named ? Object.keys(params) : undefined;
    const count = names?.length ?? (params as readonly SqlValue[]).length;
    let flags = flagsOf(want);
    if (permit) flags |= PERMIT;
    if (readonly) flags |= READONLY;
    if (timed) flags |= TIMED;
    if (number === undefined) flags |= DEFINES;
    writer.start(RUN);
    writer.pair(serial, request.connection);
    writer.pair(flags, number ?? this.#sql.next);
    writer.double(request.timeoutMs);
    writer.pair(count, named ? 1 : 0);
    if (number === undefined) writer.text(sql, 0);
    this.#params(params, names);
    if (number === undefined) this.#sql.take(sql);
    return writer.finish();
  }

  #params(params: WireParams, names: readonly string[] | undefined): void {
    if (names === undefined) {
      for (const value of params as readonly SqlValue[]) this.#writer.value(value);
      return;
    }
    for (const name of names) {
      this.#writer.text(name, 0);
      this.#writer.value((params as Readonly<Record<string, SqlValue>>)[name] ?? null);
    }
  }

  #head(reply: NumberedReply, more: number, number: number): void {
    const changed = reply.changed as readonly string[] | undefined;
    let flags = reply.txn | more;
    if (reply.autocommit) flags |= AUTOCOMMIT;
    if (reply.tainted) flags |= TAINTED;
    if (reply.needsPermit) flags |= NEEDS_PERMIT;
    const { times } = reply;
    const tables = changed === undefined ? undefined : this.#tables.find(this.#keyOf(changed));
    if (changed !== undefined) flags |= tables === undefined ? TABLES | DEFINES_TABLES : TABLES;
    if (times !== undefined) flags |= TIMED;
    this.#writer.start(REPLY);
    this.#writer.pair(reply.serial, flags);
    this.#writer.pair(reply.rows, number);
    if (times !== undefined) {
      this.#writer.double(times.startedAt);
      this.#writer.double(times.ranMs);
    }
    if (changed === undefined) return;
    this.#writer.pair(tables ?? this.#tables.next, changed.length);
    if (tables === undefined) for (const name of changed) this.#writer.text(name, 0);
  }

  #state(reply: NumberedReply, more: number, number: number): Int32Array {
    this.#head(reply, more, number);
    return this.#writer.finish();
  }

  #changes(reply: NumberedReply): Int32Array {
    const { changes, lastInsertRowid } = reply.result as ChangesResult;
    this.#head(reply, CHANGES, 0);
    this.#writer.value(changes);
    this.#writer.value(lastInsertRowid);
    return this.#writer.finish();
  }

  #rows(reply: NumberedReply, packed: PackedRows): Int32Array {
    const { columns, want } = packed;
    const isTable = "buffer" in packed;
    const key = this.#keyOf(columns);
    const number = this.#columns.find(key);
    let flags = flagsOf(want) | (isTable ? TABLE : ROW);
    if (number === undefined) flags |= DEFINES;
    const cells = isTable
      ? undefined
      : (packed.cells as CellWriter | Uint8Array<ArrayBuffer> | undefined);
    const size = isTable ? packed.buffer.byteLength : (cells?.byteLength ?? -1);
    this.#head(reply, flags, number ?? this.#columns.next);
    this.#writer.pair(columns.length, size);
    if (number === undefined) for (const name of columns) this.#writer.text(name, 0);
    if (isTable) this.#writer.bytes(new Uint8Array(packed.buffer));
    else if (cells !== undefined) this.#writer.cells(cells);
    if (number === undefined) this.#columns.take(key);
    const frame = this.#writer.finish();
    // They are in the frame now: the packer need not keep them before it goes on.
    if (!isTable) packed.cells = undefined;
    return frame;
  }

  /** A statement that runs again gives the same array of names, of columns as of tables. */
  #keyOf(names: readonly string[]): string {
    let key = this.#keys.get(names);
    if (key === undefined) {
      key = JSON.stringify(names);
      this.#keys.set(names, key);
    }
    return key;
  }
}

function orUndefined(encode: () => Int32Array): Int32Array | undefined {
  try {
    return encode();
  } catch (thrown) {
    if (thrown === NOT_IN_FRAME) return undefined;
    throw thrown;
  }
}
