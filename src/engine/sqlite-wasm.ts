// The official build of SQLite as an engine: one WebAssembly instance, its VFS, its connections.

import { SqliteError, StorageError } from "../errors.ts";
import { decodeText, encodeText, maxTextBytes } from "../text.ts";
import type { TxnState } from "../types.ts";
import { type Binding, loadBinding, type Pointer } from "./binding.ts";
import * as code from "./codes.ts";
import type {
  Engine,
  EngineBackup,
  EngineConnection,
  EngineOpenOptions,
  EngineStatement,
} from "./engine.ts";
import { SCRATCH_BYTES, Statement, type StatementOwner } from "./statement.ts";
import { asksJournalMode, taints } from "./taint.ts";
import { VFS_NAME, Vfs, type VfsOptions } from "./vfs.ts";

/** Instructions of the virtual machine between two looks at the interrupt word: costs about 1 %. */
const PROGRESS_STEPS = 1_000;

/** Starts an instance. `module` saves compiling it again. */
export async function startSqliteWasm(
  options: VfsOptions,
  module: WebAssembly.Module | undefined,
): Promise<Engine> {
  const binding = await loadBinding(module);
  return new SqliteWasm(binding, new Vfs(binding, options));
}

/** What the connections of one instance share. */
interface Instance {
  readonly binding: Binding;
  readonly vfs: Vfs;
  /** {@link SCRATCH_BYTES} of WebAssembly memory for any call to use. */
  readonly scratch: Pointer;
  /** The authorizer: it notes below what kind of statement is being compiled. */
  readonly authorizer: Pointer;
  tainting: boolean;
  askingJournalMode: boolean;
}

class SqliteWasm implements Engine {
  readonly version: string;
  readonly #instance: Instance;
  readonly #vfsName: Pointer;
  readonly #connections = new Set<SqliteConnection>();

  constructor(binding: Binding, vfs: Vfs) {
    this.version = binding.version;
    this.#vfsName = binding.cString(VFS_NAME);
    const scratch = binding.alloc(SCRATCH_BYTES);
    const authorizer = binding.install("i(pipppp)", this.#authorize);
    const facts = { tainting: false, askingJournalMode: false };
    this.#instance = { binding, vfs, scratch, authorizer, ...facts };
  }

  open(path: string, options: EngineOpenOptions): EngineConnection {
    const connection = new SqliteConnection(this.#instance, path, () =>
      this.#connections.delete(connection),
    );
    connection.open(options, this.#vfsName);
    this.#connections.add(connection);
    return connection;
  }

  backup(from: EngineConnection, to: EngineConnection): EngineBackup {
    if (!(from instanceof SqliteConnection) || !(to instanceof SqliteConnection)) {
      throw new Error("BUG: the connections of a backup belong to another engine");
    }
    return to.startBackup(from);
  }

  close(): void {
    for (const connection of this.#connections) connection.close();
  }

  #authorize = (
    _data: Pointer,
    action: number,
    first: Pointer,
    second: Pointer,
    schema: Pointer,
  ): number => {
    const { binding } = this.#instance;
    const name = binding.readCString(first);
    const argument = second === 0 ? undefined : binding.readCString(second);
    if (taints(action, name, argument, binding.readCString(schema))) this.#instance.tainting = true;
    if (asksJournalMode(action, name, argument)) this.#instance.askingJournalMode = true;
    return code.OK;
  };
}

class SqliteConnection implements EngineConnection, StatementOwner {
  readonly binding: Binding;
  readonly scratch: Pointer;
  readonly #instance: Instance;
  readonly #vfs: Vfs;
  readonly #path: string;
  readonly #onClose: () => void;
  #db: Pointer = 0;
  #stop: (() => boolean) | undefined;
  #progress: Pointer = 0;

  constructor(instance: Instance, path: string, onClose: () => void) {
    this.#instance = instance;
    this.binding = instance.binding;
    this.scratch = instance.scratch;
    this.#vfs = instance.vfs;
    this.#path = path;
    this.#onClose = onClose;
  }

  /** @throws SqliteError, StorageError */
  open(options: EngineOpenOptions, vfsName: Pointer): void {
    const { binding } = this;
    const { exports } = binding;
    this.#vfs.takeFault();
    const name = binding.cString(this.#path);
    const result = exports.sqlite3_open_v2(name, this.scratch, openFlags(options), vfsName);
    this.#db = binding.u32()[this.scratch >> 2] ?? 0;
    binding.free(name);
    if (this.#db === 0) throw new StorageError("io", "there is no memory left for a connection");
    if (result !== code.OK) {
      const error = this.error(result, undefined);
      exports.sqlite3_close_v2(this.#db);
      throw error;
    }
    exports.sqlite3_extended_result_codes(this.#db, 1);
    exports.sqlite3_set_authorizer(this.#db, this.#instance.authorizer, 0);
  }

  get txnState(): TxnState {
    return this.binding.exports.sqlite3_txn_state(this.#db, 0) as TxnState;
  }

  get autocommit(): boolean {
    return this.binding.exports.sqlite3_get_autocommit(this.#db) !== 0;
  }

  get changes(): number {
    return this.binding.exports.sqlite3_changes(this.#db);
  }

  get totalChanges(): number {
    return this.binding.exports.sqlite3_total_changes(this.#db);
  }

  get lastInsertRowid(): number | bigint {
    const rowid = this.binding.exports.sqlite3_last_insert_rowid(this.#db);
    const short = Number(rowid);
    return Number.isSafeInteger(short) ? short : rowid;
  }

  prepare(sql: string): EngineStatement | undefined {
    const nul = sql.indexOf("\0");
    if (nul >= 0) throw new TypeError(`the SQL has a NUL character at ${nul}, where SQLite stops`);
    const { binding } = this;
    const address = binding.alloc(maxTextBytes(sql) + 1);
    if (address === 0) throw new RangeError("the SQL is larger than the memory that is left");
    try {
      return this.#prepareAt(address, sql);
    } finally {
      binding.free(address);
    }
  }

  #prepareAt(address: Pointer, sql: string): EngineStatement | undefined {
    const { binding, scratch } = this;
    const end = encodeText(sql, binding.u8(), address);
    binding.u8()[end] = 0;
    this.#vfs.takeFault();
    this.#vfs.pull();
    const instance = this.#instance;
    instance.tainting = false;
    instance.askingJournalMode = false;
    const result = binding.exports.sqlite3_prepare_v3(
      this.#db,
      address,
      end - address + 1,
      code.PREPARE_PERSISTENT,
      scratch,
      scratch + 4,
    );
    const pointer = binding.u32()[scratch >> 2] ?? 0;
    const tail = binding.u32()[(scratch + 4) >> 2] ?? 0;
    if (result !== code.OK) throw this.error(result, sql);
    if (pointer === 0) return undefined;
    return new Statement(this, pointer, {
      sql,
      tail: tail >= end ? "" : decodeText(binding.u8(), tail, end),
      taints: instance.tainting,
      readonly: instance.askingJournalMode || binding.exports.sqlite3_stmt_readonly(pointer) !== 0,
    });
  }

  beforeStep(): void {
    this.#vfs.takeFault();
    this.#vfs.pull();
  }

  onProgress(stop: (() => boolean) | undefined): void {
    if (stop === this.#stop) return;
    this.#stop = stop;
    const { exports } = this.binding;
    if (stop === undefined) {
      exports.sqlite3_progress_handler(this.#db, 0, 0, 0);
      return;
    }
    this.#progress ||= this.binding.install("i(p)", () => (this.#stop?.() ? 1 : 0));
    exports.sqlite3_progress_handler(this.#db, PROGRESS_STEPS, this.#progress, 0);
  }

  startBackup(from: SqliteConnection): EngineBackup {
    const { binding } = this;
    const main = binding.cString("main");
    const pointer = binding.exports.sqlite3_backup_init(this.#db, main, from.#db, main);
    binding.free(main);
    if (pointer === 0) {
      throw this.error(binding.exports.sqlite3_extended_errcode(this.#db), undefined);
    }
    return new Backup(this, pointer);
  }

  close(): void {
    if (this.#db === 0) return;
    this.onProgress(undefined);
    this.binding.exports.sqlite3_close_v2(this.#db);
    if (this.#progress !== 0) this.binding.uninstall(this.#progress);
    this.#db = 0;
    this.#onClose();
  }

  error(resultCode: number, sql: string | undefined): Error {
    const { binding } = this;
    const { exports } = binding;
    const fault = this.#vfs.takeFault();
    const extended = exports.sqlite3_extended_errcode(this.#db);
    // The code of the connection may be of an earlier call; what the call itself returned is not.
    const specific = (extended & 0xff) === (resultCode & 0xff) ? extended : resultCode;
    const message = binding.readCString(exports.sqlite3_errmsg(this.#db));
    const primary = specific & 0xff;
    const cause = new SqliteError(message, {
      code: binding.codeName(specific),
      resultCode: specific,
      sql,
      offset: exports.sqlite3_error_offset(this.#db),
      ...(fault === undefined ? {} : { cause: fault }),
    });
    if (primary === code.NOTADB || primary === code.CORRUPT) {
      return new StorageError("corrupt", corruptMessage(this.#path, primary, message), { cause });
    }
    if (fault !== undefined && BY_STORAGE.has(primary)) {
      return new StorageError(fault.reason, fault.message, { cause });
    }
    return cause;
  }
}

/** Primary result codes behind which a fault of the storage may stand. */
const BY_STORAGE = new Set([code.IOERR, code.FULL, code.CANTOPEN, code.READONLY]);

function corruptMessage(path: string, primary: number, message: string): string {
  const what = primary === code.NOTADB ? "is not a database" : "is damaged";
  return `${path} ${what} (${message}); restore it from a backup, or try SQLite's .recover on a copy`;
}

function openFlags({ readonly, create }: EngineOpenOptions): number {
  if (readonly) return code.OPEN_READONLY;
  return create ? code.OPEN_READWRITE | code.OPEN_CREATE : code.OPEN_READWRITE;
}

class Backup implements EngineBackup {
  readonly #destination: SqliteConnection;
  #pointer: Pointer;

  constructor(destination: SqliteConnection, pointer: Pointer) {
    this.#destination = destination;
    this.#pointer = pointer;
  }

  step(pages: number): boolean {
    this.#destination.beforeStep();
    const result = this.#destination.binding.exports.sqlite3_backup_step(this.#pointer, pages);
    if (result === code.DONE) return true;
    if (result === code.OK) return false;
    throw this.#destination.error(result, undefined);
  }

  get remainingPages(): number {
    return this.#destination.binding.exports.sqlite3_backup_remaining(this.#pointer);
  }

  get totalPages(): number {
    return this.#destination.binding.exports.sqlite3_backup_pagecount(this.#pointer);
  }

  finish(): void {
    if (this.#pointer === 0) return;
    this.#destination.binding.exports.sqlite3_backup_finish(this.#pointer);
    this.#pointer = 0;
  }
}
