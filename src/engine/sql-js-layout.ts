// Where sql.js's build of SQLite keeps what it exports no function for.
//
// sql.js exports the 45 functions its own `Database` needs, of SQLite's 300. What this library needs
// beyond them - codes of errors, the state of a transaction, whether a statement only reads, the
// callbacks that stop and watch statements - is in fields of six structs that these functions merely
// read and write. The offsets below are those of the build that `scripts/sql-js.js` puts into the
// package, and of no other; `test/engine/sql-js.test.ts` proves each of them on both of its
// variants, by what SQLite does.
//
// The structs of the VFS (sqlite3_vfs, sqlite3_io_methods) are public and the same for all builds.

/** `struct sqlite3` (sqliteInt.h), a connection. */
export const DB = {
  /** `sqlite3_vfs *`: the default VFS. */
  vfs: 0,
  /** `Db *`: its databases, {@link SCHEMA} each. */
  schemas: 16,
  schemaCount: 20,
  /** i64 */
  lastRowid: 40,
  /** Flags that files are opened with: by ATTACH, too. */
  openFlags: 60,
  errorCode: 64,
  /** Byte offset into the SQL, or -1. */
  errorOffset: 68,
  /** What result codes are masked with: 0xff, or all bits for extended codes. */
  errorMask: 72,
  /** u8 */
  autocommit: 85,
  /** i64; of it the lower half, as `sqlite3_total_changes`. */
  totalChanges: 112,
  commitData: 240,
  commitHook: 244,
  rollbackData: 248,
  rollbackHook: 252,
  authorizer: 372,
  authorizerData: 376,
  progressHandler: 380,
  progressData: 384,
  /** Instructions between two calls of the progress handler. */
  progressSteps: 388,
} as const;

/** `struct Db`: one attached database. */
export const SCHEMA = { bytes: 16, btree: 4 } as const;

/** `struct Btree`; the state of its transaction as `sqlite3_txn_state` gives it, u8. */
export const BTREE = { transaction: 8 } as const;

/** `struct Vdbe` (vdbeInt.h), a statement. */
export const STATEMENT = {
  /** i16 */
  parameterCount: 16,
  /** `Mem *`: the values of its parameters, {@link VALUE} each. */
  parameters: 100,
  /** `VList *`, see util.c: names of parameters. */
  parameterNames: 128,
  /** Bits. */
  bits: 152,
  /** Of them: what `sqlite3_stmt_isexplain` answers. */
  explainShift: 2,
  explainMask: 3,
  /** Of them: it changes no database file. */
  readonlyBit: 0x40,
  /** Counters of `sqlite3_stmt_status`, u32 each. */
  counters: 164,
} as const;

/** `struct sqlite3_value`; a 64-bit integer comes first. */
export const VALUE = { bytes: 40 } as const;

/** `struct sqlite3_backup`. */
export const BACKUP = { remaining: 36, pageCount: 40 } as const;

/** `struct sqlite3_vfs`, https://sqlite.org/c3ref/vfs.html */
export const VFS_MEMBERS = {
  $iVersion: 0,
  $szOsFile: 4,
  $mxPathname: 8,
  $zName: 16,
  $xOpen: 24,
  $xDelete: 28,
  $xAccess: 32,
  $xFullPathname: 36,
  $xRandomness: 56,
  $xSleep: 60,
  $xCurrentTime: 64,
  $xGetLastError: 68,
  $xCurrentTimeInt64: 72,
} as const;

/** `struct sqlite3_io_methods`, https://sqlite.org/c3ref/io_methods.html */
export const IO_MEMBERS = {
  $iVersion: 0,
  $xClose: 4,
  $xRead: 8,
  $xWrite: 12,
  $xTruncate: 16,
  $xSync: 20,
  $xFileSize: 24,
  $xLock: 28,
  $xUnlock: 32,
  $xCheckReservedLock: 36,
  $xFileControl: 40,
  $xSectorSize: 44,
  $xDeviceCharacteristics: 48,
  $xShmMap: 52,
  $xShmLock: 56,
  $xShmBarrier: 60,
  $xShmUnmap: 64,
} as const;

/** Bytes of the larger of the two. */
export const STRUCT_BYTES = 88;
