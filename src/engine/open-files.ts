// The files that one instance of SQLite has open, and what the connections to one database share of it: its
// locks, its wal-index, what is known of its size.

import {
  FileLock,
  type FileLockHolder,
  LOCK_EXCLUSIVE,
  LOCK_NONE,
  LOCK_RESERVED,
} from "../shm/file-lock.ts";
import { createSharedMemory, FILE_ID, type SharedMemory } from "../shm/layout.ts";
import { LockTable } from "../shm/lock-table.ts";
import { type ShmHolder, WalIndex } from "../shm/wal-index.ts";
import { type Storage, StorageFault, type StorageFile } from "../storage/storage.ts";
import type { Binding } from "./binding.ts";
import { CheckpointRun } from "./checkpoint-run.ts";
import * as code from "./codes.ts";
import { FileSize } from "./file-size.ts";
import { LogFile } from "./log-file.ts";
import { ReadAheadFile } from "./read-ahead.ts";
import { TemporaryFile } from "./temporary-file.ts";

const LOG_SUFFIX = "-wal";
const JOURNAL_SUFFIX = "-journal";
const MOST_LOG_BLOCK_BYTES = 65_536;

/** Keeps other threads and processes off a database file until it is called off. */
export type Guard = (path: string) => { release(): void };

/** What the VFS works with. */
export interface VfsOptions {
  readonly storage: Storage;
  /** Nothing may be written; a log that is not there is then taken for an empty one. */
  readonly readonly: boolean;
  /** The pool's own database, and its shared memory and place in it. */
  readonly path: string;
  readonly shared: SharedMemory;
  readonly slot: number;
  /** Guards any other database, such as an attached one, for this instance alone. */
  readonly guard: Guard;
}

/** A database file: what its connections in this instance share. */
export interface Database {
  readonly control: Int32Array;
  readonly lock: FileLock;
  readonly index: WalIndex;
  readonly size: FileSize;
  readonly checkpoint: CheckpointRun;
  /** The open handles of the database file itself. */
  readonly files: Set<StorageFile>;
  /** The logs of the connections, where they are read in blocks. */
  readonly logs: Set<ReadAheadFile>;
  /** The database file was synced since its journal was deleted for the last time. */
  isSynced: boolean;
  /** The log that holds frames of the transaction that writes now. */
  holding: LogFile | undefined;
  users: number;
  release(): void;
}

export interface OpenFile extends FileLockHolder, ShmHolder {
  readonly path: string;
  readonly file: StorageFile;
  /** The same file, where it is read in blocks. */
  readonly blocks: ReadAheadFile | undefined;
  readonly database: Database | undefined;
  readonly deleteOnClose: boolean;
  /** A commit with a rollback journal was refused: what comes next is the sync of its rollback. */
  rollsBack: boolean;
}

function newOpenFile(path: string, file: StorageFile): OpenFile {
  const locks = { level: LOCK_NONE, sharedMask: 0, exclusiveMask: 0 };
  const own = { blocks: undefined, database: undefined, deleteOnClose: false, rollsBack: false };
  return { path, file, ...own, ...locks };
}

/** What a connection has committed that has the file to itself is published before others may come. */
export function publishExclusive(opened: OpenFile): void {
  if (opened.level === LOCK_EXCLUSIVE) opened.database?.index.publishExclusive(opened);
}

/**
 * Locks, wal-index and sizes are shared by name: another file under that name must not get them.
 * @throws StorageFault
 */
function checkIdentity({ control }: Database, path: string, file: StorageFile): void {
  const known = Atomics.compareExchange(control, FILE_ID, 0, file.identity);
  if (known === 0 || known === file.identity) return;
  file.close();
  throw replacedFault(path);
}

/** What is written to a file that nobody will find is lost, and must not count as kept. @throws StorageFault */
export function checkInPlace(file: StorageFile, path: string): void {
  if (!file.isInPlace()) throw replacedFault(path);
}

/**
 * The same for what has just been synced. A rollback ends with a sync as well (pager.c, `pager_playback`), and
 * that one has to succeed: a journal that stayed would be played back into whatever has the name now.
 * @throws StorageFault
 */
export function checkSynced(opened: OpenFile): void {
  const { file, path, rollsBack } = opened;
  opened.rollsBack = false;
  if (rollsBack || file.isInPlace()) return;
  opened.rollsBack = opened.level >= LOCK_RESERVED;
  throw replacedFault(path);
}

function replacedFault(path: string): StorageFault {
  return new StorageFault(
    "io",
    `${path} was deleted, moved or replaced while it was open; close every pool on it, then open it anew`,
  );
}

function refuseWrite(): never {
  throw new StorageFault("permission", "the database is open for reading only");
}

/** The log of a database that is only read here: empty until somebody else writes one. */
class LogToRead implements StorageFile {
  readonly readonly = true;
  readonly identity = 0;
  readonly write = refuseWrite;
  readonly truncate = refuseWrite;
  readonly #open: () => StorageFile | undefined;
  #file: StorageFile | undefined;

  constructor(open: () => StorageFile | undefined) {
    this.#open = open;
    this.#file = open();
  }

  read(target: Uint8Array, start: number, length: number, offset: number): number {
    return this.#opened()?.read(target, start, length, offset) ?? 0;
  }

  sizeBytes(): number {
    return this.#opened()?.sizeBytes() ?? 0;
  }

  sync(): void {}

  isDeleted(): boolean {
    return this.#file?.isDeleted() ?? false;
  }

  isInPlace(): boolean {
    return this.#file?.isInPlace() ?? true;
  }

  close(): void {
    this.#file?.close();
  }

  #opened(): StorageFile | undefined {
    this.#file ??= this.#open();
    return this.#file;
  }
}

/** The open files of one instance, and their databases. */
export class OpenFiles {
  readonly #binding: Binding;
  readonly #options: VfsOptions;
  readonly #databases = new Map<string, Database>();
  /** The pool's own database. */
  readonly main: Database;

  constructor(binding: Binding, options: VfsOptions) {
    this.#binding = binding;
    this.#options = options;
    // The pool's database stays known for as long as the instance lives: its guard is the pool's.
    this.main = this.#newDatabase(options.shared, options.slot, () => {});
    this.main.users = 1;
    this.#databases.set(options.path, this.main);
  }

  get databases(): Iterable<Database> {
    return this.#databases.values();
  }

  /** Opens `path`, or a temporary file without a name. @throws StorageFault */
  open(path: string | undefined, flags: number): OpenFile {
    if (path === undefined) return newOpenFile("", new TemporaryFile());
    const database = (flags & code.OPEN_MAIN_DB) === 0 ? undefined : this.#useDatabase(path);
    try {
      const file = this.#openFile(path, flags, database);
      const blocks = file instanceof ReadAheadFile ? file : undefined;
      const deleteOnClose = (flags & code.OPEN_DELETEONCLOSE) !== 0;
      database?.files.add(file);
      return { ...newOpenFile(path, file), blocks, database, deleteOnClose };
    } catch (thrown) {
      if (database !== undefined) this.#leaveDatabase(path, database);
      throw thrown;
    }
  }

  /** What the journal `path` was for was synced, if that is one: it is about to be deleted. */
  takeSynced(path: string): boolean {
    if (!path.endsWith(JOURNAL_SUFFIX)) return false;
    const database = this.#databases.get(path.slice(0, -JOURNAL_SUFFIX.length));
    if (!database?.isSynced) return false;
    database.isSynced = false;
    return true;
  }

  /** Closes what `open` has opened. @throws StorageFault */
  close(opened: OpenFile): void {
    const { path, file, database } = opened;
    if (database !== undefined) {
      publishExclusive(opened);
      database.lock.unlock(opened, LOCK_NONE);
      // The index of a deleted file must not meet the next file of that name.
      database.index.unmap(opened, file.isDeleted());
      database.files.delete(file);
      this.#leaveDatabase(path, database);
    } else if (file instanceof LogFile) this.#dropOrphan(path, file);
    file.close();
    if (opened.deleteOnClose) this.#options.storage.delete(path, false);
  }

  /**
   * The log of a database that was deleted would be replayed into the next one of its name. That of one that was
   * moved is left alone: it can follow.
   */
  #dropOrphan(path: string, log: LogFile): void {
    const { storage } = this.#options;
    const [file] = this.#databaseOf(path)?.files ?? [];
    if (file?.isDeleted() && log.isInPlace()) storage.delete(path, true);
  }

  #databaseOf(log: string): Database | undefined {
    return this.#databases.get(log.slice(0, -LOG_SUFFIX.length));
  }

  /**
   * SQLite opens a log for writing even to read it. Where nothing may be written, what is there is
   * opened for reading, and what is not there is empty; SQLite then treats the log as read-only.
   */
  #openFile(path: string, flags: number, database: Database | undefined): StorageFile {
    const { storage, readonly } = this.#options;
    if (readonly && (flags & code.OPEN_WAL) !== 0) {
      return new LogToRead(() =>
        storage.exists(path) ? storage.open(path, { create: false, readonly: true }) : undefined,
      );
    }
    const file = storage.open(path, {
      create: (flags & code.OPEN_CREATE) !== 0 && !this.#isKnown(path),
      readonly: (flags & code.OPEN_READONLY) !== 0,
    });
    if ((flags & code.OPEN_WAL) !== 0) return this.#logFile(path, file);
    if (database === undefined) return file;
    checkIdentity(database, path, file);
    const { readAheadBytes } = storage;
    return readAheadBytes > 0 ? new ReadAheadFile(file, readAheadBytes, this.#binding) : file;
  }

  /** SQLite opens the log of a database that it has open. */
  #logFile(path: string, file: StorageFile): LogFile {
    const database = this.#databaseOf(path);
    if (database === undefined) throw new Error(`BUG: ${path} is no log of an open database`);
    const blockBytes = Math.min(this.#options.storage.readAheadBytes, MOST_LOG_BLOCK_BYTES);
    const blocks = new ReadAheadFile(file, blockBytes, this.#binding);
    if (blockBytes > 0) database.logs.add(blocks);
    return new LogFile(blocks, this.#binding, {
      // With `locking_mode = exclusive` there is no lock to be let go of.
      mayHold: () => database.index.isWriting,
      onCommit: () => {
        const [file] = database.files;
        if (file !== undefined) checkInPlace(file, path.slice(0, -LOG_SUFFIX.length));
      },
      onHold: (log) => {
        database.holding = log;
      },
      onClose: () => database.logs.delete(blocks),
    });
  }

  /** It was there before: if it is not now, a new one would not be the same. */
  #isKnown(path: string): boolean {
    const { path: own, shared } = this.#options;
    return path === own && Atomics.load(new Int32Array(shared.control), FILE_ID) !== 0;
  }

  #newDatabase(memory: SharedMemory, slot: number, release: () => void): Database {
    const table = new LockTable(memory, slot);
    const size = new FileSize(table.control);
    return {
      control: table.control,
      lock: new FileLock(table),
      index: new WalIndex(memory, table, this.#binding),
      size,
      checkpoint: new CheckpointRun(this.#binding, size),
      files: new Set(),
      logs: new Set(),
      isSynced: false,
      holding: undefined,
      users: 0,
      release,
    };
  }

  /** A database other than the pool's belongs to this instance alone while it has it open. */
  #useDatabase(path: string): Database {
    let database = this.#databases.get(path);
    if (database === undefined) {
      const guard = this.#options.guard(path);
      database = this.#newDatabase(createSharedMemory(), 0, () => guard.release());
      this.#databases.set(path, database);
    }
    database.users++;
    return database;
  }

  #leaveDatabase(path: string, database: Database): void {
    if (--database.users > 0) return;
    this.#databases.delete(path);
    database.checkpoint.free();
    database.release();
  }
}
