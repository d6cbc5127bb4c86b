// One `sqlite3_vfs` over any `Storage`: the SQLite side of every file this instance has open.
//
// A `sqlite3_file` is eight bytes of WebAssembly memory: the methods, and the number of the file
// here. Methods never throw into WebAssembly: what fails becomes the result code SQLite expects,
// and the fault is kept for whoever reports the error (`takeFault`).
// Specification: https://sqlite.org/vfs.html and the comments of os.h and sqlite3.h.

import { canShareMemory } from "../shared-memory.ts";
import { LOCK_EXCLUSIVE, LOCK_NONE, LOCK_RESERVED, LOCK_SHARED } from "../shm/file-lock.ts";
import { CHECKPOINT_LOCK, WRITE_LOCK } from "../shm/layout.ts";
import { StorageFault, type StorageFile } from "../storage/storage.ts";
import type { Binding, Pointer, Struct } from "./binding.ts";
import * as code from "./codes.ts";
import {
  checkInPlace,
  checkSynced,
  type Database,
  type OpenFile,
  OpenFiles,
  publishExclusive,
  type VfsOptions,
} from "./open-files.ts";
import { checkTextEncoding } from "./text-encoding.ts";

/** The name the VFS is registered under. */
export const VFS_NAME = "pool";

const MAX_PATH_BYTES = 4096;
const SECTOR_BYTES = 4096;
/** Milliseconds of the Julian day number of 1970-01-01. */
const JULIAN_EPOCH_MS = 210_866_760_000_000;

/** The VFS of one WebAssembly instance. */
export class Vfs {
  readonly #binding: Binding;
  readonly #options: VfsOptions;
  readonly #openFiles: OpenFiles;
  /** By the number that SQLite has of each. */
  readonly #files: (OpenFile | undefined)[] = [undefined];
  readonly #sleeper = canShareMemory() ? new Int32Array(new SharedArrayBuffer(4)) : undefined;
  #methods: Pointer = 0;
  #fault: StorageFault | undefined;

  constructor(binding: Binding, options: VfsOptions) {
    this.#binding = binding;
    this.#options = options;
    this.#openFiles = new OpenFiles(binding, options);
    this.#methods = this.#installMethods();
    this.#register();
  }

  /** The fault behind the latest failure, once. */
  takeFault(): StorageFault | undefined {
    const fault = this.#fault;
    this.#fault = undefined;
    return fault;
  }

  /** Brings the wal-index up to date, as is due before a statement starts. */
  pull(): void {
    this.#openFiles.main.index.pull();
  }

  /** The files were set back to an earlier state: all that is known of them is void. */
  forgetFiles(): void {
    for (const { index, size } of this.#openFiles.databases) {
      index.invalidate();
      size.changed();
    }
  }

  #fail(thrown: unknown, resultCode: number): number {
    this.#fault =
      thrown instanceof StorageFault
        ? thrown
        : new StorageFault("io", `BUG: ${String(thrown)}`, { cause: thrown });
    return thrown instanceof StorageFault && thrown.reason === "quota" ? code.FULL : resultCode;
  }

  #file(pFile: Pointer): OpenFile {
    const file = this.#files[this.#binding.u32()[(pFile + 4) >> 2] ?? 0];
    if (file === undefined) throw new Error("BUG: SQLite used a file that is not open");
    return file;
  }

  #register(): void {
    const binding = this.#binding;
    const vfs: Struct = binding.newVfsStruct();
    vfs.$iVersion = 2;
    vfs.$szOsFile = 8;
    vfs.$mxPathname = MAX_PATH_BYTES;
    vfs.$zName = binding.cString(VFS_NAME);
    vfs.$xOpen = binding.install("i(pppip)", this.#xOpen);
    vfs.$xDelete = binding.install("i(ppi)", this.#xDelete);
    vfs.$xAccess = binding.install("i(ppip)", this.#xAccess);
    vfs.$xFullPathname = binding.install("i(ppip)", this.#xFullPathname);
    vfs.$xRandomness = binding.install("i(pip)", this.#xRandomness);
    vfs.$xSleep = binding.install("i(pi)", this.#xSleep);
    vfs.$xCurrentTime = binding.install("i(pp)", this.#xCurrentTime);
    vfs.$xCurrentTimeInt64 = binding.install("i(pp)", this.#xCurrentTimeInt64);
    vfs.$xGetLastError = binding.install("i(pip)", () => 0);
    binding.registerVfs(vfs);
  }

  #installMethods(): Pointer {
    const binding = this.#binding;
    const io: Struct = binding.newIoMethodsStruct();
    io.$iVersion = 2;
    io.$xClose = binding.install("i(p)", this.#xClose);
    io.$xRead = binding.install("i(ppij)", this.#xRead);
    io.$xWrite = binding.install("i(ppij)", this.#xWrite);
    io.$xTruncate = binding.install("i(pj)", this.#xTruncate);
    io.$xSync = binding.install("i(pi)", this.#xSync);
    io.$xFileSize = binding.install("i(pp)", this.#xFileSize);
    io.$xLock = binding.install("i(pi)", this.#xLock);
    io.$xUnlock = binding.install("i(pi)", this.#xUnlock);
    io.$xCheckReservedLock = binding.install("i(pp)", this.#xCheckReservedLock);
    io.$xFileControl = binding.install("i(pip)", () => code.NOTFOUND);
    io.$xSectorSize = binding.install("i(p)", () => SECTOR_BYTES);
    io.$xDeviceCharacteristics = binding.install("i(p)", () => code.IOCAP_POWERSAFE_OVERWRITE);
    io.$xShmMap = binding.install("i(piiip)", this.#xShmMap);
    io.$xShmLock = binding.install("i(piii)", this.#xShmLock);
    io.$xShmBarrier = binding.install("v(p)", this.#xShmBarrier);
    io.$xShmUnmap = binding.install("i(pi)", this.#xShmUnmap);
    return io.pointer;
  }

  // --- sqlite3_vfs ---

  #xOpen = (
    _vfs: Pointer,
    name: Pointer,
    pFile: Pointer,
    flags: number,
    pOutFlags: Pointer,
  ): number => {
    const words = this.#binding.u32();
    words[pFile >> 2] = 0;
    try {
      const path = name === 0 ? undefined : this.#binding.readCString(name);
      const opened = this.#openFiles.open(path, flags);
      const number = this.#files.push(opened) - 1;
      const after = this.#binding.u32();
      after[pFile >> 2] = this.#methods;
      after[(pFile + 4) >> 2] = number;
      const granted = opened.file.readonly ? flags | code.OPEN_READONLY : flags;
      if (pOutFlags !== 0) after[pOutFlags >> 2] = granted;
      return code.OK;
    } catch (thrown) {
      return this.#fail(thrown, code.CANTOPEN);
    }
  };

  #xDelete = (_vfs: Pointer, name: Pointer, syncDirectory: number): number => {
    try {
      const path = this.#binding.readCString(name);
      // The end of a journal is the commit. SQLite leaves it to a power cut, unless `synchronous` is EXTRA.
      const commits = this.#openFiles.takeSynced(path);
      this.#options.storage.delete(path, syncDirectory !== 0 || commits);
      return code.OK;
    } catch (thrown) {
      if (thrown instanceof StorageFault && thrown.notFound) return code.IOERR_DELETE_NOENT;
      return this.#fail(thrown, code.IOERR_DELETE);
    }
  };

  #xAccess = (_vfs: Pointer, name: Pointer, flags: number, pOut: Pointer): number => {
    try {
      const path = this.#binding.readCString(name);
      const yes = flags === code.ACCESS_EXISTS ? this.#isThere(path) : this.#isWritable(path);
      this.#binding.u32()[pOut >> 2] = yes ? 1 : 0;
      return code.OK;
    } catch (thrown) {
      return this.#fail(thrown, code.IOERR_ACCESS);
    }
  };

  /** An empty file counts as absent, as in os_unix.c: a log of no bytes must not make it a WAL. */
  #isThere(path: string): boolean {
    const { storage } = this.#options;
    if (!storage.exists(path)) return false;
    let file: StorageFile;
    try {
      file = storage.open(path, { create: false, readonly: true });
    } catch (thrown) {
      // A writer in another thread has deleted its journal in between.
      if (thrown instanceof StorageFault && thrown.notFound) return false;
      throw thrown;
    }
    try {
      return file.sizeBytes() > 0;
    } finally {
      file.close();
    }
  }

  #isWritable(path: string): boolean {
    return this.#options.storage.exists(path) && this.#options.storage.isWritable(path);
  }

  #xFullPathname = (_vfs: Pointer, name: Pointer, size: number, out: Pointer): number => {
    try {
      const path = this.#options.storage.resolve(this.#binding.readCString(name));
      const bytes = new TextEncoder().encode(path);
      if (bytes.length + 1 > size) {
        throw new StorageFault("io", `the path is longer than ${size - 1} bytes: ${path}`);
      }
      const heap = this.#binding.u8();
      heap.set(bytes, out);
      heap[out + bytes.length] = 0;
      return code.OK;
    } catch (thrown) {
      return this.#fail(thrown, code.CANTOPEN);
    }
  };

  #xRandomness = (_vfs: Pointer, size: number, out: Pointer): number => {
    const bytes = this.#binding.u8().subarray(out, out + size) as Uint8Array<ArrayBuffer>;
    crypto.getRandomValues(bytes);
    return size;
  };

  /** SQLite sleeps only between tries at the wal-index header, for microseconds to milliseconds. */
  #xSleep = (_vfs: Pointer, microseconds: number): number => {
    try {
      if (this.#sleeper !== undefined) Atomics.wait(this.#sleeper, 0, 0, microseconds / 1000);
    } catch {
      // A browser's main thread may not wait: trying again at once is all that is left.
    }
    return microseconds;
  };

  #xCurrentTime = (_vfs: Pointer, pDays: Pointer): number => {
    const days = (JULIAN_EPOCH_MS + Date.now()) / 86_400_000;
    new DataView(this.#binding.u8().buffer).setFloat64(pDays, days, true);
    return code.OK;
  };

  #xCurrentTimeInt64 = (_vfs: Pointer, pMilliseconds: Pointer): number => {
    this.#writeInt64(pMilliseconds, JULIAN_EPOCH_MS + Date.now());
    return code.OK;
  };

  /** Writes a non-negative safe integer as 64 bits. */
  #writeInt64(address: Pointer, value: number): void {
    const words = this.#binding.u32();
    words[address >> 2] = value >>> 0;
    words[(address >> 2) + 1] = Math.floor(value / 0x1_0000_0000);
  }

  // --- sqlite3_io_methods ---

  #xClose = (pFile: Pointer): number => {
    try {
      const opened = this.#file(pFile);
      this.#files[this.#binding.u32()[(pFile + 4) >> 2] ?? 0] = undefined;
      while (this.#files.length > 1 && this.#files.at(-1) === undefined) this.#files.pop();
      this.#openFiles.close(opened);
      return code.OK;
    } catch (thrown) {
      return this.#fail(thrown, code.IOERR_CLOSE);
    }
  };

  #xRead = (pFile: Pointer, buffer: Pointer, size: number, offset: bigint): number => {
    try {
      const { path, file, database } = this.#file(pFile);
      database?.checkpoint.end();
      const heap = this.#binding.u8();
      const got = file.read(heap, buffer, size, Number(offset));
      if (this.#binding.omitsUtf16) checkTextEncoding(heap, buffer, got, path);
      if (got === size) return code.OK;
      this.#binding.u8().fill(0, buffer + got, buffer + size);
      return code.IOERR_SHORT_READ;
    } catch (thrown) {
      return this.#fail(thrown, code.IOERR_READ);
    }
  };

  #xWrite = (pFile: Pointer, buffer: Pointer, size: number, offset: bigint): number => {
    try {
      const { file, database, exclusiveMask } = this.#file(pFile);
      const [heap, at] = [this.#binding.u8(), Number(offset)];
      if (database !== undefined && (exclusiveMask & (1 << CHECKPOINT_LOCK)) !== 0) {
        database.checkpoint.write(file, heap, buffer, size, at);
        return code.OK;
      }
      file.write(heap, buffer, size, at);
      database?.size.wrote(at + size);
      return code.OK;
    } catch (thrown) {
      this.#loseSize(pFile);
      return this.#fail(thrown, code.IOERR_WRITE);
    }
  };

  #xTruncate = (pFile: Pointer, size: bigint): number => {
    try {
      const { file, database } = this.#file(pFile);
      database?.checkpoint.end();
      file.truncate(Number(size));
      database?.size.changed();
      return code.OK;
    } catch (thrown) {
      this.#loseSize(pFile);
      return this.#fail(thrown, code.IOERR_TRUNCATE);
    }
  };

  /** What failed may have been done in part: the rollback has to see what the file's size is now. */
  #loseSize(pFile: Pointer): void {
    this.#file(pFile).database?.size.changed();
  }

  #xSync = (pFile: Pointer, _flags: number): number => {
    try {
      const opened = this.#file(pFile);
      const { file, database } = opened;
      database?.checkpoint.end();
      file.sync();
      if (database !== undefined) {
        checkSynced(opened);
        database.isSynced = true;
      }
      return code.OK;
    } catch (thrown) {
      return this.#fail(thrown, code.IOERR_FSYNC);
    }
  };

  #xFileSize = (pFile: Pointer, pSize: Pointer): number => {
    try {
      const { file, database } = this.#file(pFile);
      database?.checkpoint.end();
      this.#writeInt64(pSize, database?.size.of(file) ?? file.sizeBytes());
      return code.OK;
    } catch (thrown) {
      return this.#fail(thrown, code.IOERR_FSTAT);
    }
  };

  #xLock = (pFile: Pointer, level: number): number => {
    try {
      const opened = this.#file(pFile);
      if (opened.database === undefined) return code.OK;
      if (opened.level === LOCK_NONE) opened.blocks?.forget();
      // Before anything is written: there is nothing to be rolled back then.
      if (level === LOCK_RESERVED) checkInPlace(opened.file, opened.path);
      if (!opened.database.lock.lock(opened, level)) return code.BUSY;
      if (level === LOCK_EXCLUSIVE) opened.database.index.pull();
      return code.OK;
    } catch (thrown) {
      return this.#fail(thrown, code.IOERR_LOCK);
    }
  };

  #xUnlock = (pFile: Pointer, level: number): number => {
    try {
      const opened = this.#file(pFile);
      publishExclusive(opened);
      opened.database?.lock.unlock(opened, level >= LOCK_SHARED ? LOCK_SHARED : LOCK_NONE);
      return code.OK;
    } catch (thrown) {
      return this.#fail(thrown, code.IOERR_LOCK);
    }
  };

  #xCheckReservedLock = (pFile: Pointer, pOut: Pointer): number => {
    try {
      const reserved = this.#file(pFile).database?.lock.isReserved() ?? false;
      this.#binding.u32()[pOut >> 2] = reserved ? 1 : 0;
      return code.OK;
    } catch (thrown) {
      return this.#fail(thrown, code.IOERR_LOCK);
    }
  };

  // --- wal-index ---

  #xShmMap = (
    pFile: Pointer,
    index: number,
    _size: number,
    extend: number,
    ppOut: Pointer,
  ): number => {
    try {
      const opened = this.#file(pFile);
      if (opened.database === undefined) return code.IOERR_SHMMAP;
      const address = opened.database.index.map(opened, index, extend !== 0);
      if (address === -1) return code.NOMEM;
      this.#binding.u32()[ppOut >> 2] = address;
      return code.OK;
    } catch (thrown) {
      return this.#fail(thrown, code.IOERR_SHMMAP);
    }
  };

  #xShmLock = (pFile: Pointer, first: number, count: number, flags: number): number => {
    try {
      const opened = this.#file(pFile);
      const index = opened.database?.index;
      if (index === undefined) return code.IOERR_LOCK;
      const exclusive = (flags & code.SHM_EXCLUSIVE) !== 0;
      if ((flags & code.SHM_UNLOCK) !== 0) {
        if (exclusive) this.#settle(opened.database, first);
        index.unlock(opened, first, count, exclusive);
        return code.OK;
      }
      if (!index.lock(opened, first, count, exclusive)) return code.BUSY;
      opened.blocks?.forget();
      if (opened.database !== undefined) for (const log of opened.database.logs) log.forget();
      return code.OK;
    } catch (thrown) {
      return this.#fail(thrown, code.IOERR_LOCK);
    }
  };

  /** Whoever lets go of an exclusive lock leaves nothing unwritten that others would have to find. */
  #settle(database: Database | undefined, lock: number): void {
    if (database === undefined) return;
    if (lock === WRITE_LOCK) {
      database.holding?.drop();
      database.holding = undefined;
    }
    try {
      database.checkpoint.end();
    } catch (thrown) {
      // A checkpoint that does not come to the end of the log reports nothing, and another one will.
      database.index.undoBackfill();
      this.#fail(thrown, code.IOERR_WRITE);
    }
  }

  #xShmBarrier = (pFile: Pointer): void => {
    try {
      this.#file(pFile).database?.index.pull();
    } catch (thrown) {
      this.#fail(thrown, code.IOERR_LOCK);
    }
  };

  #xShmUnmap = (pFile: Pointer, remove: number): number => {
    try {
      const opened = this.#file(pFile);
      publishExclusive(opened);
      opened.database?.index.unmap(opened, remove !== 0);
      return code.OK;
    } catch (thrown) {
      return this.#fail(thrown, code.IOERR_LOCK);
    }
  };
}
