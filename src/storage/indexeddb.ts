// Databases in memory that are kept in IndexedDB: for where there are no synchronous files.
//
// SQLite works on its files - the database, the log, the journal - as they are in memory. Between two
// requests the three of them are, at any moment, what a crash of a machine with an ordinary disk may leave:
// a state that SQLite recovers from when it opens them. So whatever a request has changed in
// them is kept in one transaction before the request is answered (`flush`), and IndexedDB never has
// anything but such states. Nothing here has to know what a commit is.
//
// When a flush fails, memory goes back to what is kept (`revert`): the commit has not taken place.

import { ChunkedFile } from "./chunked-file.ts";
import { KeptFiles } from "./indexeddb-files.ts";
import { databaseOf, isSuperJournal, resolveName, SUFFIXES } from "./names.ts";
import { OpenChunkedFile } from "./open-chunked-file.ts";
import {
  type OpenFlags,
  type Storage,
  StorageFault,
  type StorageFile,
  type WriteBack,
} from "./storage.ts";
import { isTemporary } from "./temporary-names.ts";

/** Of files that are kept nowhere. */
const SCRATCH_CHUNK_BYTES = 65_536;

export interface IndexedDbOptions {
  /** The pool's database, as `resolveName` gave it. Its owner lock is the pool's. */
  readonly path: string;
  readonly readonly: boolean;
  /** Keeps others off any other database, such as an attached one. Undefined: somebody has it. */
  lock(name: string): Promise<{ release(): void } | undefined>;
}

/** The files of one database. */
interface Unit {
  readonly name: string;
  readonly kept: KeptFiles;
  /** By their numbers; undefined while they have to be loaded again. */
  files: readonly ChunkedFile[] | undefined;
  /** How many of them are open. */
  users: number;
  release(): void;
}

/** The databases of the origin, that of `options.path` ready for use. @throws StorageFault */
export async function openIndexedDbStorage(options: IndexedDbOptions): Promise<Storage> {
  const storage = new IndexedDbStorage(options);
  await storage.prepare(options.path);
  return storage;
}

/** See {@link openIndexedDbStorage}. */
export class IndexedDbStorage implements Storage, WriteBack {
  readonly readAheadBytes = 0;
  readonly #options: IndexedDbOptions;
  readonly #units = new Map<string, Unit>();
  readonly #scratch = new Map<string, ChunkedFile>();
  #changes = 0;
  /** Why no file may be used now. */
  #obstacle: StorageFault | undefined;
  /** Databases that are being let go of; their locks are free after it. */
  #leaving: Promise<void> = Promise.resolve();

  constructor(options: IndexedDbOptions) {
    this.#options = options;
  }

  resolve(path: string): string {
    return resolveName(path);
  }

  async prepare(path: string): Promise<void> {
    if (isScratch(path)) return;
    const name = databaseOf(path);
    const known = this.#units.get(name);
    if (known !== undefined) {
      known.files ??= await known.kept.load();
      return;
    }
    const { readonly } = this.#options;
    await this.#leaving;
    const { release } = await this.#lock(name);
    try {
      const kept = await KeptFiles.open(name, { readonly });
      const files = await kept.load();
      this.#units.set(name, { name, kept, files, users: 0, release });
    } catch (thrown) {
      release();
      throw thrown;
    }
  }

  open(path: string, { create, readonly }: OpenFlags): StorageFile {
    const { file, unit } = this.#find(path);
    if (!file.exists) {
      if (!create || (this.#options.readonly && unit !== undefined)) throw notFound(path);
      file.create();
      this.#changed(unit);
    }
    if (unit !== undefined) unit.users++;
    return new OpenChunkedFile(file, {
      readonly: readonly || (this.#options.readonly && unit !== undefined),
      check: () => this.#check(),
      onChange: () => this.#changed(unit),
      onClose: () => this.#closed(unit),
    });
  }

  exists(path: string): boolean {
    return this.#find(path).file.exists;
  }

  isWritable(path: string): boolean {
    return !this.#options.readonly && this.exists(path);
  }

  delete(path: string): void {
    const { file, unit } = this.#find(path);
    if (!file.exists) throw notFound(path);
    file.remove();
    this.#scratch.delete(path);
    this.#changed(unit);
  }

  /** What was committed is kept already: what is left is what SQLite tidied up when it closed. */
  async close(): Promise<void> {
    await this.flush(false).catch(() => {});
    for (const unit of this.#units.values()) await letGo(unit);
    this.#units.clear();
    await this.#leaving;
  }

  get writeBack(): WriteBack {
    return this;
  }

  get changes(): number {
    return this.#changes;
  }

  async flush(durably: boolean): Promise<void> {
    this.#obstacle = new StorageFault("io", "BUG: a file is used while its changes are being kept");
    try {
      for (const { kept, files } of this.#units.values()) {
        if (!files?.some(({ isChanged }) => isChanged)) continue;
        await kept.keep(files, durably);
        for (const file of files) file.settle();
      }
      this.#obstacle = undefined;
    } catch (thrown) {
      this.#obstacle = thrown as StorageFault;
      throw thrown;
    }
    for (const unit of this.#units.values()) this.#letGoOfUnused(unit);
  }

  get canRevert(): boolean {
    return [...this.#units.values()].every(({ kept }) => kept.isKnown);
  }

  revert(): void {
    for (const unit of this.#units.values()) {
      if (unit.kept.isKnown) for (const file of unit.files ?? []) file.revert();
      else unit.files = undefined;
    }
    this.#obstacle = undefined;
  }

  async #lock(name: string): Promise<{ release(): void }> {
    if (name === this.#options.path) return { release() {} };
    const lock = await this.#options.lock(name);
    if (lock !== undefined) return lock;
    throw new StorageFault("locked", `${name} is in use by another pool, tab or worker`);
  }

  #find(path: string): { file: ChunkedFile; unit: Unit | undefined } {
    this.#check();
    if (isScratch(path)) return { file: this.#scratchFile(path), unit: undefined };
    const name = databaseOf(path);
    const unit = this.#units.get(name);
    const file = unit?.files?.[SUFFIXES.findIndex((suffix) => path === name + suffix)];
    if (file !== undefined) return { file, unit };
    throw new StorageFault("io", `${path} has to be opened first`, { unprepared: path });
  }

  #scratchFile(path: string): ChunkedFile {
    let file = this.#scratch.get(path);
    if (file === undefined) {
      file = new ChunkedFile(SCRATCH_CHUNK_BYTES);
      this.#scratch.set(path, file);
    }
    return file;
  }

  #check(): void {
    if (this.#obstacle !== undefined) throw this.#obstacle;
  }

  #changed(unit: Unit | undefined): void {
    if (unit !== undefined) this.#changes++;
  }

  #closed(unit: Unit | undefined): void {
    if (unit === undefined) return;
    unit.users--;
    this.#letGoOfUnused(unit);
  }

  /** The pool's own database stays; any other goes when nothing of it is open, or left to be kept. */
  #letGoOfUnused(unit: Unit): void {
    if (unit.users > 0 || unit.name === this.#options.path) return;
    if (unit.files?.some(({ isChanged }) => isChanged)) return;
    this.#units.delete(unit.name);
    this.#leaving = this.#leaving.then(() => letGo(unit));
  }
}

async function letGo({ kept, release }: Unit): Promise<void> {
  await kept.close();
  release();
}

/** Files that only live within one request, or while one lasts. */
function isScratch(path: string): boolean {
  return isTemporary(path) || isSuperJournal(path);
}

function notFound(path: string): StorageFault {
  return new StorageFault("io", `${path} does not exist`, { notFound: true });
}
