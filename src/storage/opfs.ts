// Files of the origin private file system, for one dedicated worker.
//
// SQLite needs its files at once, and the browser opens them asynchronously. So a database comes as
// one thing: its file, log and journal are opened together before SQLite sees any of them
// (`prepare`), and from then on every call is synchronous. A log or journal that SQLite deletes is
// emptied, because an empty one counts as absent; the entry itself is removed when the database is
// let go of.
//
// Where several threads have the pool's database open, its handles are of the mode
// "readwrite-unsafe", which does not exclude others; SQLite's locks order who reads and writes. Every
// other database, such as an attached one, is open exclusively, which keeps all others off it.

import { clock, sleep } from "../clock.ts";
import { databaseOf, isSuperJournal, resolveName, SUFFIXES } from "./names.ts";
import {
  type AccessHandle,
  findFile,
  openSync,
  removeEmptyFiles,
  type WorkerFileHandle,
} from "./opfs-files.ts";
import { type OpenFlags, type Storage, StorageFault, type StorageFile } from "./storage.ts";
import { faultOf } from "./web-faults.ts";

const READ_AHEAD_BYTES = 262_144;

/** Between two tries at a file whose holder is about to let go, in milliseconds. */
const FIRST_PAUSE_MS = 4;
const LONGEST_PAUSE_MS = 100;

export interface OpfsOptions {
  /** The pool's database, as `resolveName` gave it. */
  readonly path: string;
  readonly readonly: boolean;
  readonly create: boolean;
  /** Other threads have the pool's database open at the same time. */
  readonly severalThreads: boolean;
  /** Milliseconds to wait for handles that a thread which is about to end still has. */
  readonly waitMs: number;
}

/** One of a database's files. Without a handle it is not there, and must not be made. */
interface Entry {
  readonly path: string;
  readonly handle: AccessHandle | undefined;
  /** An empty file counts as there only where it was made on purpose. */
  isThere: boolean;
}

/** A database's files, which are opened and closed together. */
interface Unit {
  readonly entries: readonly Entry[];
  readonly isShared: boolean;
  users: number;
}

/** The files of the origin, those of `options.path` ready for use. @throws StorageFault */
export async function openOpfsStorage(options: OpfsOptions): Promise<OpfsStorage> {
  const storage = new OpfsStorage(options);
  await storage.prepare(options.path);
  return storage;
}

/** See {@link openOpfsStorage}. */
export class OpfsStorage implements Storage {
  readonly readAheadBytes = READ_AHEAD_BYTES;
  readonly #options: OpfsOptions;
  readonly #units = new Map<string, Unit>();
  /** Files that are being removed; nobody opens any meanwhile. */
  #removing: Promise<void> = Promise.resolve();

  constructor(options: OpfsOptions) {
    this.#options = options;
  }

  /** Other threads can have the pool's database open beside this one. */
  get isShared(): boolean {
    return this.#units.get(this.#options.path)?.isShared ?? false;
  }

  resolve(path: string): string {
    return resolveName(path);
  }

  async prepare(path: string): Promise<void> {
    const name = databaseOf(path);
    if (this.#units.has(name)) return;
    this.#letGoOfUnused();
    await this.#removing;
    const own = name === this.#options.path;
    this.#units.set(name, await openUnit(name, own ? this.#options : elsewhere(this.#options)));
  }

  open(path: string, flags: OpenFlags): StorageFile {
    const { unit, entry } = this.#find(path);
    const { handle } = entry;
    if (handle === undefined || (!flags.create && !isThere(entry))) throw notFound(path);
    entry.isThere = true;
    unit.users++;
    return new OpfsFile(entry.path, handle, {
      readonly: flags.readonly || this.#options.readonly,
      onClose: () => this.#closed(unit),
    });
  }

  exists(path: string): boolean {
    return isThere(this.#find(path).entry);
  }

  isWritable(path: string): boolean {
    return !this.#options.readonly && this.exists(path);
  }

  delete(path: string): void {
    const { unit, entry } = this.#find(path);
    if (entry.handle === undefined || !isThere(entry)) throw notFound(path);
    try {
      entry.handle.truncate(0);
      entry.handle.flush();
    } catch (thrown) {
      throw faultOf("delete", path, thrown);
    }
    entry.isThere = false;
    if (unit.users === 0) this.#letGoOfUnused();
  }

  async close(): Promise<void> {
    for (const unit of this.#units.values()) closeHandles(unit);
    this.#units.clear();
    await this.#removing;
  }

  #find(path: string): { unit: Unit; entry: Entry } {
    const unit = this.#units.get(databaseOf(path));
    const entry = unit?.entries.find((each) => each.path === path);
    if (unit !== undefined && entry !== undefined) return { unit, entry };
    if (isSuperJournal(path)) {
      throw new StorageFault(
        "unsupported",
        "a transaction that writes several databases needs the journal mode wal here",
      );
    }
    throw new StorageFault("io", `${path} has to be opened first`, { unprepared: path });
  }

  #closed(unit: Unit): void {
    unit.users--;
    if (unit.users === 0) this.#letGoOfUnused();
  }

  /** The pool's own database stays; any other is let go of when nothing of it is open. */
  #letGoOfUnused(): void {
    for (const [name, unit] of this.#units) {
      if (unit.users > 0 || name === this.#options.path) continue;
      this.#units.delete(name);
      closeHandles(unit);
      const left = unit.entries.filter(({ isThere }, i) => i > 0 || !isThere);
      const paths = left.map(({ path }) => path);
      this.#removing = this.#removing.then(() => removeEmptyFiles(paths));
    }
  }
}

function elsewhere(options: OpfsOptions): OpfsOptions {
  return { ...options, create: true, severalThreads: false };
}

function isThere({ handle, isThere }: Entry): boolean {
  return handle !== undefined && (isThere || handle.getSize() > 0);
}

function notFound(path: string): StorageFault {
  return new StorageFault("io", `${path} does not exist`, { notFound: true });
}

/** Opens all of a database's files, or none. */
async function openUnit(name: string, options: OpfsOptions): Promise<Unit> {
  const mayCreate = options.create && !options.readonly;
  const existed = (await findFile(name, { create: false })) !== undefined;
  const entries: Entry[] = [];
  let isShared = true;
  try {
    for (const suffix of SUFFIXES) {
      const path = name + suffix;
      // Without its database a log or a journal is of no use.
      const create = suffix === "" ? mayCreate : !options.readonly && (existed || mayCreate);
      const handle = await openHandle(path, create, options);
      entries.push({ path, handle, isThere: suffix === "" && existed });
      if (handle !== undefined) isShared &&= handle.mode === "readwrite-unsafe";
    }
  } catch (thrown) {
    for (const { handle } of entries) handle?.close();
    if (!existed && mayCreate) await removeEmptyFiles(SUFFIXES.map((suffix) => name + suffix));
    throw thrown;
  }
  return {
    entries,
    isShared: isShared && entries.some(({ handle }) => handle !== undefined),
    users: 0,
  };
}

/** A worker that was ended keeps its handles for a moment: the wait is for that. */
async function openHandle(
  path: string,
  create: boolean,
  { severalThreads, waitMs }: OpfsOptions,
): Promise<AccessHandle | undefined> {
  const deadline = clock.now() + waitMs;
  for (let pauseMs = FIRST_PAUSE_MS; ; pauseMs = Math.min(2 * pauseMs, LONGEST_PAUSE_MS)) {
    const file = await findFile(path, { create });
    if (file === undefined) return undefined;
    try {
      return await openSync(
        file as WorkerFileHandle,
        severalThreads ? "readwrite-unsafe" : undefined,
      );
    } catch (thrown) {
      const fault = faultOf("open", path, thrown);
      const mayPass = fault.reason === "locked" || (fault.notFound && create);
      if (!mayPass || clock.now() >= deadline) throw fault;
    }
    await sleep(pauseMs);
  }
}

function closeHandles({ entries }: Unit): void {
  for (const { handle } of entries) handle?.close();
}

interface OpfsFileOptions {
  readonly readonly: boolean;
  readonly onClose: () => void;
}

/** An open file over a handle that stays open. */
class OpfsFile implements StorageFile {
  /** A file whose handle is open can be neither removed nor replaced. */
  readonly identity = 0;
  readonly readonly: boolean;
  readonly #path: string;
  readonly #handle: AccessHandle;
  readonly #onClose: () => void;

  constructor(path: string, handle: AccessHandle, { readonly, onClose }: OpfsFileOptions) {
    this.#path = path;
    this.#handle = handle;
    this.readonly = readonly;
    this.#onClose = onClose;
  }

  read(heap: Uint8Array, start: number, length: number, offset: number): number {
    try {
      return this.#handle.read(heap.subarray(start, start + length), { at: offset });
    } catch (thrown) {
      throw faultOf("read", this.#path, thrown);
    }
  }

  write(heap: Uint8Array, start: number, length: number, offset: number): void {
    this.#attempt("write", () => {
      let done = 0;
      while (done < length) {
        const bytes = heap.subarray(start + done, start + length);
        const wrote = this.#handle.write(bytes, { at: offset + done });
        // On a full disk Chrome has answered with an error number, and Firefox with less than asked for.
        if (wrote <= 0 || wrote > length - done) {
          throw new DOMException("nothing more could be written", "QuotaExceededError");
        }
        done += wrote;
      }
    });
  }

  truncate(sizeBytes: number): void {
    this.#attempt("truncate", () => this.#handle.truncate(sizeBytes));
  }

  sync(): void {
    this.#attempt("sync", () => this.#handle.flush());
  }

  isDeleted(): boolean {
    return false;
  }

  isInPlace(): boolean {
    return true;
  }

  sizeBytes(): number {
    return this.#attempt("stat", () => this.#handle.getSize());
  }

  close(): void {
    this.#onClose();
  }

  #attempt<T>(what: string, body: () => T): T {
    try {
      return body();
    } catch (thrown) {
      throw faultOf(what, this.#path, thrown);
    }
  }
}
