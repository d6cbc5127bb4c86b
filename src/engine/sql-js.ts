// sql.js as an engine: for places without WebAssembly, where its build in JavaScript is all there is.
//
// It gets the same VFS as the official build, so that databases, logs and locks are the same. Since it
// exports no way to register a VFS, its default one is overwritten; what else it does not export is
// done here with what it does, and with the fields that `sql-js-layout.ts` describes.

import { decodeText } from "../text.ts";
import type { Binding, Exports, Pointer, Struct } from "./binding.ts";
import { codeName } from "./code-names.ts";
import * as code from "./codes.ts";
import type { Engine } from "./engine.ts";
import { instantiate } from "./instantiate.ts";
import { type Memory, MemoryViews } from "./memory-views.ts";
import type { VfsOptions } from "./open-files.ts";
import {
  BACKUP,
  BTREE,
  DB,
  IO_MEMBERS,
  SCHEMA,
  STATEMENT,
  STRUCT_BYTES,
  VALUE,
  VFS_MEMBERS,
} from "./sql-js-layout.ts";
import { memoryOf, type NewSqlJs, type SqlJs } from "./sql-js-module.ts";
import { Sqlite } from "./sqlite.ts";
import { Vfs } from "./vfs.ts";

const OPEN_MODE = code.OPEN_READONLY | code.OPEN_READWRITE | code.OPEN_CREATE;
const EXTENDED_CODES = 0xffffffff;
const WORD = 2 ** 32;

/**
 * Starts an instance of one of the builds in `sql-js/`: of the one in WebAssembly where there is a
 * compiled `module`, and of the one in JavaScript where there is none.
 */
export async function startSqlJs(
  options: VfsOptions,
  newSqlJs: NewSqlJs,
  module: WebAssembly.Module | undefined,
): Promise<Engine> {
  const binding = await loadSqlJsBinding(newSqlJs, module);
  return new Sqlite(binding, new Vfs(binding, options));
}

/** {@link startSqlJs} without a VFS of ours. */
export async function loadSqlJsBinding(
  newSqlJs: NewSqlJs,
  module: WebAssembly.Module | undefined,
): Promise<Binding> {
  return new SqlJsBinding(await instantiate(newSqlJs(), module), module !== undefined);
}

type Callback = (...values: never[]) => unknown;

class SqlJsBinding implements Binding {
  readonly exports: Exports;
  readonly omitsUtf16 = false;
  readonly freeFunction: Pointer;
  readonly #sqlJs: SqlJs;
  readonly #views: Pick<MemoryViews, "u8" | "u32">;
  /** It is WebAssembly, and takes 64-bit integers as one value; as JavaScript it takes them as two. */
  readonly #isWasm: boolean;
  readonly #callbacks = new Map<Pointer, Callback>();
  /** How the file that is being opened is to be opened. */
  #openMode = code.OPEN_READWRITE | code.OPEN_CREATE;

  constructor(sqlJs: SqlJs, isWasm: boolean) {
    this.#sqlJs = sqlJs;
    this.#isWasm = isWasm;
    const memory = memoryOf(sqlJs);
    this.#views = isWasm ? new MemoryViews(memory) : new MovingViews(memory);
    this.freeFunction = this.install("v(p)", (address: Pointer) => sqlJs._free(address));
    this.exports = this.#completeExports();
  }

  u8(): Uint8Array {
    return this.#views.u8();
  }

  u32(): Uint32Array {
    return this.#views.u32();
  }

  alloc(bytes: number): Pointer {
    return this.#sqlJs._malloc(bytes) >>> 0;
  }

  free(address: Pointer): void {
    this.#sqlJs._free(address);
  }

  install(signature: string, callback: Callback): Pointer {
    const [result = "", parameters = ""] = signature.replace(")", "").split("(");
    const split = !this.#isWasm && parameters.endsWith("j");
    const installed = split ? joinLastInt64(callback) : callback;
    const address = this.#sqlJs.addFunction(installed, result + parameters);
    this.#callbacks.set(address, callback);
    return address;
  }

  uninstall(callback: Pointer): void {
    this.#callbacks.delete(callback);
    this.#sqlJs.removeFunction(callback);
  }

  newVfsStruct(): Struct {
    return this.#newStruct(VFS_MEMBERS);
  }

  newIoMethodsStruct(): Struct {
    return this.#newStruct(IO_MEMBERS);
  }

  /** Overwrites the default VFS, which keeps its name and its place. */
  registerVfs(vfs: Struct): void {
    const { $zName: _, ...members } = VFS_MEMBERS;
    const target = this.#withMemoryDatabase((db) => this.#word(db + DB.vfs));
    const words = this.u32();
    for (const [member, offset] of Object.entries(members)) {
      words[(target + offset) >> 2] = vfs[member as keyof typeof members] ?? 0;
    }
    words[(target + VFS_MEMBERS.$xOpen) >> 2] = this.#openInMode(vfs.$xOpen ?? 0);
  }

  codeName(resultCode: number): `SQLITE_${string}` {
    return codeName(resultCode);
  }

  cString(text: string): Pointer {
    const bytes = new TextEncoder().encode(text);
    const address = this.alloc(bytes.length + 1);
    if (address === 0) throw new RangeError("there is no memory left for a text");
    const heap = this.u8();
    heap.set(bytes, address);
    heap[address + bytes.length] = 0;
    return address;
  }

  readCString(address: Pointer): string {
    if (address === 0) return "";
    const heap = this.u8();
    return decodeText(heap, address, heap.indexOf(0, address));
  }

  #word(address: Pointer): number {
    return this.u32()[address >> 2] ?? 0;
  }

  #setWord(address: Pointer, value: number): void {
    this.u32()[address >> 2] = value;
  }

  #int64(address: Pointer): bigint {
    const high = BigInt(this.#word(address + 4));
    return BigInt.asIntN(64, (high << 32n) | BigInt(this.#word(address)));
  }

  #newStruct(members: Readonly<Record<`$${string}`, number>>): Struct {
    const pointer = this.alloc(STRUCT_BYTES);
    this.u8().fill(0, pointer, pointer + STRUCT_BYTES);
    const struct: Struct = { pointer };
    for (const [member, offset] of Object.entries(members)) {
      Object.defineProperty(struct, member, {
        get: () => this.#word(pointer + offset),
        set: (value: number) => this.#setWord(pointer + offset, value),
      });
    }
    return struct;
  }

  /** `sqlite3_open` asks for a file to read and write; what was really asked for is put in place. */
  #openInMode(xOpen: Pointer): Pointer {
    const open = this.#callbacks.get(xOpen) as (...values: number[]) => number;
    return this.install(
      "i(pppip)",
      (vfs: Pointer, name: Pointer, file: Pointer, flags: number, pOutFlags: Pointer) => {
        const isMain = (flags & code.OPEN_MAIN_DB) !== 0;
        const asked = isMain ? (flags & ~OPEN_MODE) | this.#openMode : flags;
        return open(vfs, name, file, asked, pOutFlags);
      },
    );
  }

  #withMemoryDatabase<T>(body: (db: Pointer) => T): T {
    const name = this.cString(":memory:");
    const pDb = this.alloc(4);
    this.#sqlJs._sqlite3_open(name, pDb);
    const db = this.#word(pDb);
    try {
      return body(db);
    } finally {
      this.#sqlJs._sqlite3_close_v2(db);
      this.free(pDb);
      this.free(name);
    }
  }

  #completeExports(): Exports {
    const sqlJs = this.#sqlJs;
    return {
      ...this.#connectionExports(),
      ...this.#statementExports(),
      sqlite3_close_v2: sqlJs._sqlite3_close_v2,
      sqlite3_errmsg: sqlJs._sqlite3_errmsg,
      sqlite3_changes: sqlJs._sqlite3_changes,
      sqlite3_finalize: sqlJs._sqlite3_finalize,
      sqlite3_step: sqlJs._sqlite3_step,
      sqlite3_reset: sqlJs._sqlite3_reset,
      sqlite3_bind_double: sqlJs._sqlite3_bind_double,
      sqlite3_bind_int: sqlJs._sqlite3_bind_int,
      sqlite3_bind_text: sqlJs._sqlite3_bind_text,
      sqlite3_bind_blob: sqlJs._sqlite3_bind_blob,
      sqlite3_column_count: sqlJs._sqlite3_column_count,
      sqlite3_column_name: sqlJs._sqlite3_column_name,
      sqlite3_column_type: sqlJs._sqlite3_column_type,
      sqlite3_column_double: sqlJs._sqlite3_column_double,
      sqlite3_column_text: sqlJs._sqlite3_column_text,
      sqlite3_column_blob: sqlJs._sqlite3_column_blob,
      sqlite3_column_bytes: sqlJs._sqlite3_column_bytes,
      sqlite3_backup_init: sqlJs._sqlite3_backup_init,
      sqlite3_backup_step: sqlJs._sqlite3_backup_step,
      sqlite3_backup_finish: sqlJs._sqlite3_backup_finish,
      sqlite3_backup_remaining: (backup) => this.#word(backup + BACKUP.remaining),
      sqlite3_backup_pagecount: (backup) => this.#word(backup + BACKUP.pageCount),
    };
  }

  #connectionExports() {
    const sqlJs = this.#sqlJs;
    return {
      sqlite3_open_v2: (name, ppDb, flags) => {
        this.#openMode = flags & OPEN_MODE;
        const result = sqlJs._sqlite3_open(name, ppDb);
        const db = this.#word(ppDb);
        if (db !== 0) this.#setWord(db + DB.openFlags, flags);
        this.#openMode = code.OPEN_READWRITE | code.OPEN_CREATE;
        return result;
      },
      sqlite3_extended_result_codes: (db, on) => {
        this.#setWord(db + DB.errorMask, on === 0 ? 0xff : EXTENDED_CODES);
        return code.OK;
      },
      sqlite3_extended_errcode: (db) => this.#word(db + DB.errorCode) | 0,
      sqlite3_error_offset: (db) =>
        this.#word(db + DB.errorCode) === 0 ? -1 : this.#word(db + DB.errorOffset) | 0,
      sqlite3_get_autocommit: (db) => this.u8()[db + DB.autocommit] ?? 0,
      sqlite3_txn_state: (db) => {
        const schemas = this.#word(db + DB.schemas);
        const end = schemas + SCHEMA.bytes * this.#word(db + DB.schemaCount);
        let state = 0;
        for (let schema = schemas; schema < end; schema += SCHEMA.bytes) {
          const btree = this.#word(schema + SCHEMA.btree);
          if (btree !== 0) state = Math.max(state, this.u8()[btree + BTREE.transaction] ?? 0);
        }
        return state;
      },
      sqlite3_total_changes: (db) => this.#word(db + DB.totalChanges) | 0,
      sqlite3_last_insert_rowid: (db) => this.#int64(db + DB.lastRowid),
      sqlite3_progress_handler: (db, steps, callback, data) => {
        this.#setWord(db + DB.progressHandler, steps > 0 ? callback : 0);
        this.#setWord(db + DB.progressData, data);
        this.#setWord(db + DB.progressSteps, steps);
      },
      sqlite3_commit_hook: (db, callback, data) => {
        const before = this.#word(db + DB.commitData);
        this.#setWord(db + DB.commitHook, callback);
        this.#setWord(db + DB.commitData, data);
        return before;
      },
      sqlite3_rollback_hook: (db, callback, data) => {
        const before = this.#word(db + DB.rollbackData);
        this.#setWord(db + DB.rollbackHook, callback);
        this.#setWord(db + DB.rollbackData, data);
        return before;
      },
      sqlite3_set_authorizer: (db, callback, data) => {
        this.#setWord(db + DB.authorizer, callback);
        this.#setWord(db + DB.authorizerData, data);
        return code.OK;
      },
    } satisfies Partial<Exports>;
  }

  #statementExports() {
    const sqlJs = this.#sqlJs;
    return {
      sqlite3_prepare_v3: (db, sql, bytes, _flags, ppStatement, ppTail) =>
        sqlJs._sqlite3_prepare_v2(db, sql, bytes, ppStatement, ppTail),
      sqlite3_stmt_status: (statement, counter) =>
        this.#word(statement + STATEMENT.counters + 4 * counter),
      sqlite3_stmt_readonly: (statement) =>
        (this.#word(statement + STATEMENT.bits) & STATEMENT.readonlyBit) === 0 ? 0 : 1,
      sqlite3_stmt_isexplain: (statement) =>
        (this.#word(statement + STATEMENT.bits) >> STATEMENT.explainShift) & STATEMENT.explainMask,
      sqlite3_bind_parameter_count: (statement) =>
        this.#word(statement + STATEMENT.parameterCount) & 0xffff,
      sqlite3_bind_parameter_name: (statement, index) => this.#parameterName(statement, index),
      sqlite3_bind_null: (statement, index) => sqlJs._sqlite3_bind_blob(statement, index, 0, 0, 0),
      sqlite3_bind_int64: (statement, index, value) => {
        const result = sqlJs._sqlite3_bind_int(statement, index, 0);
        if (result !== code.OK) return result;
        const parameters = this.#word(statement + STATEMENT.parameters);
        const address = parameters + VALUE.bytes * (index - 1);
        this.#setWord(address, Number(BigInt.asUintN(32, value)));
        this.#setWord(address + 4, Number(BigInt.asIntN(32, value >> 32n)));
        return code.OK;
      },
      sqlite3_bind_zeroblob: (statement, index, bytes) => {
        if (bytes !== 0) throw new Error("BUG: sql.js can bind no blob of zeros");
        // Any address but NULL makes it a blob.
        return sqlJs._sqlite3_bind_blob(statement, index, statement, 0, code.STATIC);
      },
      sqlite3_column_int64: (statement, column) => {
        const start = sqlJs._sqlite3_column_text(statement, column) >>> 0;
        return BigInt(this.readCString(start));
      },
    } satisfies Partial<Exports>;
  }

  /** A VList is words: its size, how many are in use; then per name its number, its words, its text. */
  #parameterName(statement: Pointer, index: number): Pointer {
    const list = this.#word(statement + STATEMENT.parameterNames);
    if (list === 0) return 0;
    const end = list + 4 * this.#word(list + 4);
    for (let entry = list + 8; entry < end; entry += 4 * this.#word(entry + 4)) {
      if (this.#word(entry) === index) return entry + 8;
    }
    return 0;
  }
}

/** The build in JavaScript passes a 64-bit integer as its two halves. */
function joinLastInt64(callback: Callback): Callback {
  const call = callback as (...values: number[]) => unknown;
  return (...values: number[]) => {
    const high = values.pop() ?? 0;
    const low = values.pop() ?? 0;
    return call(...values, high * WORD + (low >>> 0));
  };
}

/** Where memory is an ArrayBuffer, it grows by moving to another one, and leaves the old one as it is. */
class MovingViews {
  readonly #memory: Memory;
  #u8: Uint8Array = new Uint8Array(0);
  #u32: Uint32Array = new Uint32Array(0);

  constructor(memory: Memory) {
    this.#memory = memory;
  }

  u8(): Uint8Array {
    const { buffer } = this.#memory;
    if (this.#u8.buffer !== buffer) this.#u8 = new Uint8Array(buffer);
    return this.#u8;
  }

  u32(): Uint32Array {
    const { buffer } = this.#memory;
    if (this.#u32.buffer !== buffer) this.#u32 = new Uint32Array(buffer);
    return this.#u32;
  }
}
