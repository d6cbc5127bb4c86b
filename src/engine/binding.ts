// The part of the official build that we call, typed. Everything goes through `wasm.exports`: the
// wrappers of `capi` convert arguments and cost ten times the call on the hot path.

import sqlite3InitModule from "#sqlite-wasm";
import type { Heap } from "../shm/heap.ts";

/** An address in the WebAssembly memory. 0 is NULL. */
export type Pointer = number;

/** C functions by their own names, see https://sqlite.org/c3ref/funclist.html */
export interface Exports {
  sqlite3_malloc(bytes: number): Pointer;
  sqlite3_free(address: Pointer): void;
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
  sqlite3_clear_bindings(statement: Pointer): number;
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
  readonly version: string;
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

/** Instantiates the engine, from `module` where the caller has compiled it already. */
export async function loadBinding(module: WebAssembly.Module | undefined): Promise<Binding> {
  const sqlite3 = await instantiate(module);
  const { capi, wasm } = sqlite3;
  const exports = wasm.exports as unknown as Exports;
  // The published types leave the memory out.
  const { memory } = wasm as unknown as { readonly memory: WebAssembly.Memory };
  const views = new Views(memory);
  return {
    exports,
    version: capi.sqlite3_libversion(),
    freeFunction: capi.SQLITE_WASM_DEALLOC as unknown as Pointer,
    u8: () => views.u8(),
    u32: () => views.u32(),
    alloc: (bytes) => exports.sqlite3_malloc(bytes) >>> 0,
    free: (address) => exports.sqlite3_free(address),
    install: (signature, callback) => Number(wasm.installFunction(signature, callback)),
    uninstall: (callback) => void wasm.uninstallFunction(callback as never),
    newVfsStruct: () => new capi.sqlite3_vfs() as unknown as Struct,
    newIoMethodsStruct: () => new capi.sqlite3_io_methods() as unknown as Struct,
    registerVfs: (vfs) => {
      const code = capi.sqlite3_vfs_register(vfs as never, 0);
      if (code !== 0) throw new Error(`BUG: the VFS was not registered, result code ${code}`);
    },
    codeName: (code) => codeName(capi.sqlite3_js_rc_str(code), code),
    cString: (text) => Number(wasm.allocCString(text, false)),
    readCString: (address) => (address === 0 ? "" : (wasm.cstrToJs(address) ?? "")),
  };
}

/** Views over memory that may grow; a view from before is detached then and has length 0. */
class Views {
  readonly #memory: WebAssembly.Memory;
  #u8: Uint8Array;
  #u32: Uint32Array;

  constructor(memory: WebAssembly.Memory) {
    this.#memory = memory;
    this.#u8 = new Uint8Array(memory.buffer);
    this.#u32 = new Uint32Array(memory.buffer);
  }

  u8(): Uint8Array {
    if (this.#u8.length === 0) this.#u8 = new Uint8Array(this.#memory.buffer);
    return this.#u8;
  }

  u32(): Uint32Array {
    if (this.#u32.length === 0) this.#u32 = new Uint32Array(this.#memory.buffer);
    return this.#u32;
  }
}

type Sqlite3 = Awaited<ReturnType<typeof sqlite3InitModule>>;

/** What the build's loader takes; its published types leave the argument out. */
interface LoaderOptions {
  instantiateWasm?(
    imports: WebAssembly.Imports,
    ready: (instance: WebAssembly.Instance, module: WebAssembly.Module) => void,
  ): object;
}

/** The build's own VFSes for browsers, which start workers of theirs where they are not refused. */
const OTHER_VFSES = ["kvvfs", "opfs", "opfs-vfs", "opfs-sahpool", "opfs-wl"];

async function instantiate(module: WebAssembly.Module | undefined): Promise<Sqlite3> {
  // The loader takes its settings from here, and deletes them.
  (globalThis as { sqlite3ApiConfig?: unknown }).sqlite3ApiConfig = {
    disable: { vfs: Object.fromEntries(OTHER_VFSES.map((name) => [name, true])) },
  };
  const load = sqlite3InitModule as unknown as (options: LoaderOptions) => Promise<Sqlite3>;
  if (module === undefined) return load({});
  // The loader has no way to hear of a failure, so the failure races with it.
  return new Promise<Sqlite3>((resolve, reject) => {
    const options: LoaderOptions = {
      instantiateWasm(imports, ready) {
        WebAssembly.instantiate(module, imports).then(
          (instance) => ready(instance, module),
          reject,
        );
        return {};
      },
    };
    load(options).then(resolve, reject);
  });
}

function codeName(name: string | undefined, code: number): `SQLITE_${string}` {
  return name?.startsWith("SQLITE_") ? (name as `SQLITE_${string}`) : `SQLITE_${code}`;
}
