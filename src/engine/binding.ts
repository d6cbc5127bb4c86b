// The part of a build of SQLite that we call, typed: its C functions, its memory, and a way to give it
// functions of ours. `sqlite-wasm.ts` and `sql-js.ts` each make one.

import type { Heap } from "../shm/heap.ts";

/** An address in the WebAssembly memory. 0 is NULL. */
export type Pointer = number;

/** C functions by their own names, see https://sqlite.org/c3ref/funclist.html */
export interface Exports {
  sqlite3_open_v2(name: Pointer, ppDb: Pointer, flags: number, vfs: Pointer): number;
  sqlite3_close_v2(db: Pointer): number;
  sqlite3_extended_result_codes(db: Pointer, on: number): number;
  sqlite3_extended_errcode(db: Pointer): number;
  sqlite3_errmsg(db: Pointer): Pointer;
  sqlite3_error_offset(db: Pointer): number;
  sqlite3_get_autocommit(db: Pointer): number;
  sqlite3_txn_state(db: Pointer, schema: Pointer): number;
  sqlite3_changes(db: Pointer): number;
  sqlite3_total_changes(db: Pointer): number;
  sqlite3_last_insert_rowid(db: Pointer): bigint;
  sqlite3_progress_handler(db: Pointer, steps: number, callback: Pointer, data: Pointer): void;
  sqlite3_set_authorizer(db: Pointer, callback: Pointer, data: Pointer): number;
  sqlite3_commit_hook(db: Pointer, callback: Pointer, data: Pointer): Pointer;
  sqlite3_rollback_hook(db: Pointer, callback: Pointer, data: Pointer): Pointer;
  sqlite3_prepare_v3(
    db: Pointer,
    sql: Pointer,
    bytes: number,
    flags: number,
    ppStatement: Pointer,
    ppTail: Pointer,
  ): number;
  sqlite3_finalize(statement: Pointer): number;
  sqlite3_step(statement: Pointer): number;
  sqlite3_reset(statement: Pointer): number;
  sqlite3_stmt_status(statement: Pointer, counter: number, reset: number): number;
  sqlite3_stmt_readonly(statement: Pointer): number;
  sqlite3_stmt_isexplain(statement: Pointer): number;
  sqlite3_bind_parameter_count(statement: Pointer): number;
  sqlite3_bind_parameter_name(statement: Pointer, index: number): Pointer;
  sqlite3_bind_null(statement: Pointer, index: number): number;
  sqlite3_bind_double(statement: Pointer, index: number, value: number): number;
  sqlite3_bind_int(statement: Pointer, index: number, value: number): number;
  sqlite3_bind_int64(statement: Pointer, index: number, value: bigint): number;
  sqlite3_bind_zeroblob(statement: Pointer, index: number, bytes: number): number;
  sqlite3_bind_text: BindBytes;
  sqlite3_bind_blob: BindBytes;
  sqlite3_column_count(statement: Pointer): number;
  sqlite3_column_name(statement: Pointer, column: number): Pointer;
  sqlite3_column_type(statement: Pointer, column: number): number;
  sqlite3_column_double(statement: Pointer, column: number): number;
  sqlite3_column_int64(statement: Pointer, column: number): bigint;
  sqlite3_column_text(statement: Pointer, column: number): Pointer;
  sqlite3_column_blob(statement: Pointer, column: number): Pointer;
  sqlite3_column_bytes(statement: Pointer, column: number): number;
  /** sql.js has none. */
  sqlite3_column_value?(statement: Pointer, column: number): Pointer;
  sqlite3_backup_init(to: Pointer, toName: Pointer, from: Pointer, fromName: Pointer): Pointer;
  sqlite3_backup_step(backup: Pointer, pages: number): number;
  sqlite3_backup_finish(backup: Pointer): number;
  sqlite3_backup_remaining(backup: Pointer): number;
  sqlite3_backup_pagecount(backup: Pointer): number;
}

type BindBytes = (
  statement: Pointer,
  index: number,
  bytes: Pointer,
  length: number,
  destructor: Pointer,
) => number;

/** A struct of the build's struct binder: members by name with a leading `$`. */
export interface Struct {
  readonly pointer: Pointer;
  [member: `$${string}`]: Pointer | number;
}

/** One WebAssembly instance of SQLite. */
export interface Binding extends Heap {
  readonly exports: Exports;
  /** It takes the text of every database for UTF-8. */
  readonly omitsUtf16: boolean;
  /** Puts a function into the table, with a signature such as `i(ppij)`, and returns its address. */
  install(signature: string, callback: (...values: never[]) => unknown): Pointer;
  uninstall(callback: Pointer): void;
  newVfsStruct(): Struct;
  newIoMethodsStruct(): Struct;
  registerVfs(vfs: Struct): void;
  /** The name of a result code, such as `SQLITE_BUSY_SNAPSHOT`. */
  codeName(resultCode: number): `SQLITE_${string}`;
  /** A NUL-terminated copy of `text`; the caller frees it. */
  cString(text: string): Pointer;
  /** The NUL-terminated text at `address`. */
  readCString(address: Pointer): string;
  /** Address of SQLite's own `free`, for values whose memory is handed over. */
  readonly freeFunction: Pointer;
}
