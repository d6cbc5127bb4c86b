// Result codes and flags that the engine itself uses, from https://sqlite.org/rescode.html,
// https://sqlite.org/c3ref/c_open_autoproxy.html and https://sqlite.org/c3ref/c_alter_table.html

export const OK = 0;
export const BUSY = 5;
export const READONLY = 8;
export const NOMEM = 7;
export const IOERR = 10;
export const CORRUPT = 11;
export const NOTFOUND = 12;
export const FULL = 13;
export const CANTOPEN = 14;
export const NOTADB = 26;
export const ROW = 100;
export const DONE = 101;
export const IOERR_READ = 266;
export const IOERR_SHORT_READ = 522;
export const IOERR_WRITE = 778;
export const IOERR_FSYNC = 1034;
export const IOERR_TRUNCATE = 1546;
export const IOERR_FSTAT = 1802;
export const IOERR_DELETE = 2570;
export const IOERR_ACCESS = 3338;
export const IOERR_CLOSE = 4106;
export const IOERR_SHMMAP = 5386;
export const IOERR_DELETE_NOENT = 5898;
export const IOERR_LOCK = 3850;

export const OPEN_READONLY = 0x1;
export const OPEN_READWRITE = 0x2;
export const OPEN_CREATE = 0x4;
export const OPEN_DELETEONCLOSE = 0x8;
export const OPEN_MAIN_DB = 0x100;
export const OPEN_WAL = 0x80000;

export const ACCESS_EXISTS = 0;

export const SHM_UNLOCK = 1;
export const SHM_EXCLUSIVE = 8;

/** A write smaller than a sector does not damage its neighbours when power fails. */
export const IOCAP_POWERSAFE_OVERWRITE = 0x1000;

export const TYPE_INTEGER = 1;
export const TYPE_FLOAT = 2;
export const TYPE_TEXT = 3;
export const TYPE_BLOB = 4;

/** The statement will be kept for long. */
export const PREPARE_PERSISTENT = 1;

/** Actions of an authorizer, https://sqlite.org/c3ref/c_alter_table.html */
export const ACTION_CREATE_INDEX = 1;
export const ACTION_CREATE_TABLE = 2;
export const ACTION_CREATE_TEMP_INDEX = 3;
export const ACTION_CREATE_TEMP_VIEW = 6;
export const ACTION_CREATE_TRIGGER = 7;
export const ACTION_CREATE_VIEW = 8;
export const ACTION_DELETE = 9;
export const ACTION_DROP_INDEX = 10;
export const ACTION_DROP_TABLE = 11;
export const ACTION_DROP_TEMP_INDEX = 12;
export const ACTION_DROP_TEMP_VIEW = 15;
export const ACTION_DROP_TRIGGER = 16;
export const ACTION_DROP_VIEW = 17;
export const ACTION_INSERT = 18;
export const ACTION_PRAGMA = 19;
export const ACTION_READ = 20;
export const ACTION_TRANSACTION = 22;
export const ACTION_UPDATE = 23;
export const ACTION_ATTACH = 24;
export const ACTION_DETACH = 25;
export const ACTION_ALTER_TABLE = 26;
export const ACTION_CREATE_VTABLE = 29;
export const ACTION_DROP_VTABLE = 30;

/** The bytes stay where they are for as long as SQLite needs them. */
export const STATIC = 0;

/** SQLite copies the bytes before the call returns. */
export const TRANSIENT = -1;

/** Counter of `sqlite3_stmt_status`: compilations after the first. */
export const STATUS_REPREPARE = 5;
