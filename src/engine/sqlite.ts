// A build of SQLite as an engine: one instance of it, its VFS, its connections.

import { SqliteError, StorageError } from "../errors.ts";
import { ERROR } from "../result-codes.ts";
import { decodeText, encodeText, maxTextBytes } from "../text.ts";
import type { Tables, TxnState } from "../types.ts";
import type { Binding, Pointer } from "./binding.ts";
import { ChangeTracker } from "./change-tracker.ts";
import * as code from "./codes.ts";
import { Compilation, qualified, type Writes } from "./compilation.ts";
import type {
  Engine,
  EngineBackup,
  EngineConnection,
  EngineOpenOptions,
  EngineStatement,
  TablesRead,
} from "./engine.ts";
import { PlainCells } from "./plain-cells.ts";
import { SCRATCH_BYTES, Statement, type StatementOwner } from "./statement.ts";
import { VFS_NAME, type Vfs } from "./vfs.ts";

const TXN_WRITE = 2;
const READ_SCHEMA = "SELECT 1 FROM main.sqlite_schema LIMIT 1";

/** Instructions of the virtual machine between two looks at the interrupt word: so many that these cost little. */
const PROGRESS_STEPS = 1_000;

/** What the connections of one instance share. */
interface Instance {
  readonly binding: Binding;
  readonly vfs: Vfs;
  /** {@link SCRATCH_BYTES} of WebAssembly memory for any call to use. */
  readonly scratch: Pointer;
  /** Callbacks that all connections have set; each is called with the connection's address. */
  readonly authorizer: Pointer;
  readonly commitHook: Pointer;
  readonly rollbackHook: Pointer;
  /** What the authorizer tells of the statement that is being compiled. */
  compilation: Compilation | undefined;
  /** Null until it has been tried. */
  cells: PlainCells | undefined | null;
}

/** One instance over its binding. */
export class Sqlite implements Engine {
  readonly #instance: Instance;
  readonly #vfsName: Pointer;
  /** By the address of each. */
  readonly #connections = new Map<Pointer, SqliteConnection>();

  constructor(binding: Binding, vfs: Vfs) {
    this.#vfsName = binding.cString(VFS_NAME);
    this.#instance = {
      binding,
      vfs,
      scratch: binding.alloc(SCRATCH_BYTES),
      authorizer: binding.install("i(pipppp)", this.#authorize),
      commitHook: binding.install("i(p)", this.#commits),
      rollbackHook: binding.install("v(p)", this.#rollsBack),
      compilation: undefined,
      cells: null,
    };
  }

  open(path: string, options: EngineOpenOptions): EngineConnection {
    const connection = new SqliteConnection(this.#instance, path, (pointer) =>
      this.#connections.delete(pointer),
    );
    this.#connections.set(connection.open(options, this.#vfsName), connection);
    return connection;
  }

  backup(from: EngineConnection, to: EngineConnection): EngineBackup {
    if (!(from instanceof SqliteConnection) || !(to instanceof SqliteConnection)) {
      throw new Error("BUG: the connections of a backup belong to another engine");
    }
    return to.startBackup(from);
  }

  forgetFiles(): void {
    this.#instance.vfs.forgetFiles();
  }

  close(): void {
    for (const connection of this.#connections.values()) connection.close();
  }

  #authorize = (
    pointer: Pointer,
    action: number,
    first: Pointer,
    second: Pointer,
    schema: Pointer,
  ): number => {
    const { binding, compilation } = this.#instance;
    // Most calls are of this kind, one for each column that is read.
    if (action === code.ACTION_READ && compilation?.notesReads === false) return code.OK;
    const name = binding.readCString(first);
    const argument = second === 0 ? undefined : binding.readCString(second);
    const database = binding.readCString(schema);
    if (compilation !== undefined) compilation.note(action, name, argument, database);
    else this.#connections.get(pointer)?.noteWhileRunning(action, name, database);
    return code.OK;
  };

  #commits = (pointer: Pointer): number => {
    this.#connections.get(pointer)?.tracker.commits();
    return 0;
  };

  #rollsBack = (pointer: Pointer): void => {
    this.#connections.get(pointer)?.tracker.rollsBack();
  };
}

class SqliteConnection implements EngineConnection, StatementOwner {
  readonly binding: Binding;
  readonly scratch: Pointer;
  readonly #instance: Instance;
  readonly #vfs: Vfs;
  readonly #path: string;
  readonly #onClose: (pointer: Pointer) => void;
  readonly tracker = new ChangeTracker();
  /** Tables that statements of virtual tables read, which are compiled while another one runs. */
  readonly #readByVirtualTables = new Set<string>();
  /** Some statement was compiled while another one ran, maybe that one itself, anew. */
  #compiledWhileRunning = false;
  #vacuumed = false;
  #db: Pointer = 0;
  #stop: (() => boolean) | undefined;
  #progress: Pointer = 0;

  constructor(instance: Instance, path: string, onClose: (pointer: Pointer) => void) {
    this.#instance = instance;
    this.binding = instance.binding;
    this.scratch = instance.scratch;
    this.#vfs = instance.vfs;
    this.#path = path;
    this.#onClose = onClose;
  }

  /** Returns the address. @throws SqliteError, StorageError */
  open(options: EngineOpenOptions, vfsName: Pointer): Pointer {
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
    const instance = this.#instance;
    if (instance.cells === null) {
      instance.cells = PlainCells.tried(binding, this.#db, this.scratch);
    }
    const { authorizer, commitHook, rollbackHook } = instance;
    exports.sqlite3_set_authorizer(this.#db, authorizer, this.#db);
    exports.sqlite3_commit_hook(this.#db, commitHook, this.#db);
    exports.sqlite3_rollback_hook(this.#db, rollbackHook, this.#db);
    return this.#db;
  }

  get cells(): PlainCells | undefined {
    return this.#instance.cells ?? undefined;
  }

  /** A connection that is closed has no transaction, and no memory to look for one in. */
  get txnState(): TxnState {
    if (this.#db === 0) return 0;
    return this.binding.exports.sqlite3_txn_state(this.#db, 0) as TxnState;
  }

  get autocommit(): boolean {
    return this.#db === 0 || this.binding.exports.sqlite3_get_autocommit(this.#db) !== 0;
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

  takeChanged(): Tables | undefined {
    return this.tracker.take();
  }

  noteChanged(tables: Tables): void {
    this.tracker.committed(tables);
  }

  tablesRead(sql: string): TablesRead | "any" {
    const { statement, compilation } = this.#compile(sql, true);
    statement?.finalize();
    const { reads } = compilation;
    if (reads === "any") return reads;
    return { named: reads, byVirtualTables: [...this.#readByVirtualTables] };
  }

  prepare(sql: string): EngineStatement | undefined {
    return this.#compile(sql, false).statement;
  }

  /**
   * SQLite compiles against the schema it has read, and for most errors does not look whether that is still the
   * file's (`checkSchema` in its prepare.c). The pool's other connections change it, so a statement that runs
   * makes SQLite look before an error is believed.
   */
  #compile(
    sql: string,
    notesReads: boolean,
  ): { readonly statement: Statement | undefined; readonly compilation: Compilation } {
    const compilation = new Compilation(sql, notesReads);
    try {
      return { compilation, statement: this.#compileOnce(sql, compilation) };
    } catch (thrown) {
      const isPlain = thrown instanceof SqliteError && (thrown.resultCode & 0xff) === ERROR;
      if (!isPlain || !this.#readSchema()) throw thrown;
    }
    const again = new Compilation(sql, notesReads);
    return { compilation: again, statement: this.#compileOnce(sql, again) };
  }

  /** Has SQLite read the schema anew if it has changed; false where that could not be done now. */
  #readSchema(): boolean {
    let statement: Statement | undefined;
    try {
      statement = this.#compileOnce(READ_SCHEMA, new Compilation(READ_SCHEMA, false));
      statement?.run(undefined, "auto");
      return true;
    } catch {
      return false;
    } finally {
      statement?.finalize();
    }
  }

  #compileOnce(sql: string, compilation: Compilation): Statement | undefined {
    const nul = sql.indexOf("\0");
    if (nul >= 0) throw new TypeError(`the SQL has a NUL character at ${nul}, where SQLite stops`);
    const { binding } = this;
    const address = binding.alloc(maxTextBytes(sql) + 1);
    if (address === 0) throw new RangeError("the SQL is larger than the memory that is left");
    this.#instance.compilation = compilation;
    try {
      return this.#compileAt(address, sql, compilation);
    } finally {
      this.#instance.compilation = undefined;
      binding.free(address);
    }
  }

  #compileAt(address: Pointer, sql: string, compilation: Compilation): Statement | undefined {
    const { binding, scratch } = this;
    const end = encodeText(sql, binding.u8(), address);
    binding.u8()[end] = 0;
    this.#vfs.takeFault();
    this.#vfs.pull();
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
    const { taints, asksJournalMode, runsWrites, changesSchema, controlsTransaction, writes } =
      compilation;
    const { exports } = binding;
    const readonly =
      asksJournalMode ||
      exports.sqlite3_stmt_isexplain(pointer) !== 0 ||
      (exports.sqlite3_stmt_readonly(pointer) !== 0 && !runsWrites);
    return new Statement(this, pointer, {
      sql,
      tail: tail >= end ? "" : decodeText(binding.u8(), tail, end),
      taints,
      readonly,
      changesSchema,
      controlsTransaction,
      writes: readonly ? undefined : writes,
    });
  }

  beforeStep(writes: Writes | undefined): number {
    this.#vfs.takeFault();
    this.#vfs.pull();
    return writes === undefined || this.tracker.knows(writes) ? 0 : this.totalChanges;
  }

  afterRun(statement: Statement, totalBefore: number): void {
    const { tracker } = this;
    if (this.#compiledWhileRunning) this.#recompile(statement);
    const { writes } = statement;
    if (writes !== undefined && !tracker.knows(writes)) {
      if (writes.uncounted || this.totalChanges !== totalBefore) tracker.wrote(writes);
    }
    if (this.#vacuumed) {
      this.#vacuumed = false;
      // It may give new rowids, and no hook is called for it.
      tracker.committed("any");
    }
    if (tracker.heardHook) tracker.settle(this.txnState === TXN_WRITE);
  }

  /** The schema has changed since the statement was compiled, and with it what the statement writes. */
  #recompile(statement: Statement): void {
    this.#compiledWhileRunning = false;
    if (statement.readonly || !statement.wasRecompiled) return;
    try {
      const again = this.#compile(statement.sql, false);
      again.statement?.finalize();
      statement.writes = again.compilation.writes;
    } catch {
      // What kept it from being compiled is told by whoever runs it next.
      statement.writes = { tables: "any", uncounted: true };
    }
  }

  /** The authorizer, called while a statement runs. */
  noteWhileRunning(action: number, first: string, schema: string): void {
    if (action === code.ACTION_READ) {
      const table = qualified(first, schema);
      if (table !== undefined) this.#readByVirtualTables.add(table);
      return;
    }
    this.#compiledWhileRunning = true;
    // VACUUM copies the database into an attached one without a name; VACUUM INTO gives it one.
    if (action === code.ACTION_ATTACH && first === "") this.#vacuumed = true;
  }

  onProgress(stop: (() => boolean) | undefined): void {
    if (stop === this.#stop || this.#db === 0) return;
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
    this.#onClose(this.#db);
    this.#db = 0;
  }

  error(resultCode: number, sql: string | undefined): Error {
    const { binding } = this;
    const { exports } = binding;
    const fault = this.#vfs.takeFault();
    const extended = exports.sqlite3_extended_errcode(this.#db);
    // The code of the connection may be of an earlier call; what the call itself returned is not.
    const specific = (extended & 0xff) === (resultCode & 0xff) ? extended : resultCode;
    const told = binding.readCString(exports.sqlite3_errmsg(this.#db));
    const name = binding.codeName(specific);
    const message = (told === NO_ERROR ? name : told) + (ADVICE[name] ?? "");
    const primary = specific & 0xff;
    const cause = new SqliteError(message, {
      code: name,
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

/** What `sqlite3_errmsg` says where the failure was another connection's, such as that of a backup. */
const NO_ERROR = "not an error";
const ADVICE: Readonly<Record<string, string>> = {
  SQLITE_BUSY_SNAPSHOT:
    ": there was a commit after its snapshot; begin with mode immediate where it is to write, or run it again",
};

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
    this.#destination.beforeStep(undefined);
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
