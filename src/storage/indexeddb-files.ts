// A database's files in IndexedDB: everything about them that takes time. Each database has an IndexedDB
// database of its own, with one object store:
//
//   "header"       sizes of the files, who owns them, how many times they were written
//   [file, index]  one chunk of a file: 0 is the database, 1 its log, 2 its journal
//
// Whoever opens the files for writing puts a token into the header, and each transaction that writes looks
// for it first: of two who take themselves for the owner, the earlier can change nothing any more. The
// number of writes tells whether one took place whose answer was lost.
// Specification: https://w3c.github.io/IndexedDB/

import { createStore, get, promisifyRequest, set, type UseStore } from "idb-keyval";
import { type Chunk, ChunkedFile, chunkCount } from "./chunked-file.ts";
import { SUFFIXES } from "./names.ts";
import { StorageFault } from "./storage.ts";
import { faultOf } from "./web-faults.ts";

const PREFIX = "sqlite-wasm-pool:";
const STORE = "chunks";
const HEADER = "header";
const VERSION = 1;
/**
 * Measured by `bench/browser/chunk-sizes.js`: with less than 64 KiB, Chromium takes 3 to 5 times as long to
 * load a database and 2 to 7 times to fill one; with more, a small commit takes 2 to 3 times as long.
 * Firefox loads a little faster with less, and fills up to 8 times slower.
 */
const CHUNK_BYTES = 65_536;
/** Chunks are loaded so many bytes at a time: each batch is copied on its way. */
const LOAD_BYTES = 8_388_608;
/** How long a database may take to open or to go. IndexedDB waits for ever where somebody is in its way. */
const PATIENCE_MS = 30_000;

/** The record of a database beside its chunks. */
interface Header {
  readonly version: number;
  readonly chunkBytes: number;
  /** Bytes of each file; -1 for one that is not there. */
  readonly sizes: readonly number[];
  readonly owner: string;
  readonly writes: number;
}

export interface KeptFilesOptions {
  readonly readonly: boolean;
}

/** The files of one database. */
export class KeptFiles {
  readonly #name: string;
  readonly #token: string = randomToken();
  #header: Header | undefined;
  #connection: IDBDatabase | undefined;
  /** Settles when the latest transaction has ended. */
  #idle: Promise<unknown> = Promise.resolve();
  #isKnown = true;

  /** Opens what there is, and makes nothing. @throws StorageFault */
  static async open(name: string, options: KeptFilesOptions): Promise<KeptFiles> {
    try {
      const files = new KeptFiles(name, await readHeader(name));
      if (!options.readonly) await files.#takeOver();
      return files;
    } catch (thrown) {
      throw faultOf("open", name, thrown);
    }
  }

  private constructor(name: string, header: Header | undefined) {
    this.#name = name;
    this.#header = header;
  }

  /** What is kept is what was loaded or written last. False while nobody knows whether the last write took place. */
  get isKnown(): boolean {
    return this.#isKnown;
  }

  /** All bytes of all files. @throws StorageFault, also where somebody else has taken them over */
  async load(): Promise<ChunkedFile[]> {
    try {
      if (!this.#isKnown) await this.#lookAgain();
      const { chunkBytes, sizes } = this.#header ?? {
        chunkBytes: CHUNK_BYTES,
        // A file's number is the place of its suffix.
        sizes: SUFFIXES.map(() => -1),
      };
      const files: ChunkedFile[] = [];
      for (const [file, sizeBytes] of sizes.entries()) {
        if (sizeBytes < 0) files.push(new ChunkedFile(chunkBytes));
        else {
          const chunks = await this.#loadChunks(
            file,
            chunkCount(sizeBytes, chunkBytes),
            chunkBytes,
          );
          files.push(new ChunkedFile(chunkBytes, { chunks, sizeBytes }));
        }
      }
      return files;
    } catch (thrown) {
      throw faultOf("read", this.#name, thrown);
    }
  }

  /**
   * Keeps `files` as they are now, all of them in one transaction, `durably` so that it survives a power
   * cut. When it fails, what was kept before still is, unless `isKnown` is false then.
   * @throws StorageFault
   */
  async keep(files: readonly ChunkedFile[], durably: boolean): Promise<void> {
    const next: Header = {
      version: VERSION,
      chunkBytes: this.#header?.chunkBytes ?? CHUNK_BYTES,
      sizes: files.map(({ exists, sizeBytes }) => (exists ? sizeBytes : -1)),
      owner: this.#token,
      writes: (this.#header?.writes ?? 0) + 1,
    };
    try {
      await this.#write(files, next, durably);
    } catch (thrown) {
      // Some browsers lose a connection without a word; the next write is to have another.
      await this.close();
      if (!(await this.#tookPlace(next))) throw faultOf("write", this.#name, thrown);
    }
    this.#header = next;
  }

  /** Lets go of the files. Before that they cannot be deleted. */
  async close(): Promise<void> {
    const connection = this.#connection;
    this.#connection = undefined;
    // A connection that is closed in the middle of a transaction closes after it. Where its worker ends first,
    // WebKit may never close it, and nobody can delete the database for as long as the page lives.
    await this.#idle;
    connection?.close();
  }

  /** Makes this thread the owner. */
  async #takeOver(): Promise<void> {
    if (this.#header === undefined) return;
    const { chunks, done } = await this.#begin("readwrite");
    const found: Header | undefined = await promisifyRequest(chunks.get(HEADER));
    const header = found === undefined ? undefined : { ...found, owner: this.#token };
    if (header !== undefined) chunks.put(header, HEADER);
    await done;
    this.#header = header;
  }

  async #write(files: readonly ChunkedFile[], next: Header, durably: boolean): Promise<void> {
    const durability = durably ? "strict" : "relaxed";
    const { transaction, chunks, done } = await this.#begin("readwrite", durability);
    try {
      const found: Header | undefined = await promisifyRequest(chunks.get(HEADER));
      if (!isSame(found, this.#header)) throw this.#lost(found);
      for (const [file, { changes }] of files.entries()) {
        for (const { index, chunk } of changes.written) chunks.put(chunk, [file, index]);
        for (const index of changes.dropped) chunks.delete([file, index]);
      }
      chunks.put(next, HEADER);
    } catch (thrown) {
      // Without it, what was put so far would be kept.
      transaction.abort();
      await done.catch(() => {});
      throw thrown;
    }
    await done;
  }

  /** Finds out whether a write that seemed to fail took place. */
  async #tookPlace(next: Header): Promise<boolean> {
    this.#isKnown = false;
    const found = await readHeader(this.#name).catch(() => "unreadable" as const);
    if (found === "unreadable") return false;
    const took = isSame(found, next);
    this.#isKnown = took || isSame(found, this.#header);
    return took;
  }

  /** After a write of which it is not known whether it took place. */
  async #lookAgain(): Promise<void> {
    const found = await readHeader(this.#name);
    const isOwn = found === undefined ? this.#header === undefined : found.owner === this.#token;
    if (!isOwn) throw this.#lost(found);
    this.#header = found;
    this.#isKnown = true;
  }

  #lost(found: Header | undefined): StorageFault {
    const name = this.#name;
    if (found === undefined) return new StorageFault("io", `${name} was deleted while it was open`);
    return new StorageFault(
      "locked",
      `${name} was taken over by another tab or worker; close the pool here, and open it anew`,
    );
  }

  async #loadChunks(file: number, count: number, chunkBytes: number): Promise<Chunk[]> {
    const batch = Math.max(1, Math.floor(LOAD_BYTES / chunkBytes));
    const all: Chunk[] = [];
    while (all.length < count) {
      const last = Math.min(all.length + batch, count) - 1;
      const range = IDBKeyRange.bound([file, all.length], [file, last]);
      const { chunks } = await this.#begin("readonly");
      const loaded: Chunk[] = await promisifyRequest(chunks.getAll(range));
      if (loaded.length !== last + 1 - all.length) {
        throw new StorageFault("corrupt", `parts of ${this.#name}${SUFFIXES[file]} are missing`);
      }
      for (const chunk of loaded) all.push(chunk);
    }
    return all;
  }

  async #begin(mode: IDBTransactionMode, durability: IDBTransactionDurability = "relaxed") {
    this.#connection ??= await this.#connect();
    const transaction = this.#connection.transaction(STORE, mode, { durability });
    const done = completed(transaction);
    this.#idle = done.catch(() => {});
    return { transaction, chunks: transaction.objectStore(STORE), done };
  }

  async #connect(): Promise<IDBDatabase> {
    const connecting = connectionOf(createStore(PREFIX + this.#name, STORE));
    const connection = await inTime("open", this.#name, connecting, (late) => late.close());
    // Somebody deletes it: without this they would wait, and whoever opens it anew behind them.
    connection.onversionchange = () => connection.close();
    // The browser has taken it away.
    connection.onclose = () => {
      if (this.#connection === connection) this.#connection = undefined;
    };
    return connection;
  }
}

/** The database's files are kept here. @throws StorageFault */
export async function hasKeptFiles(name: string): Promise<boolean> {
  try {
    return (await readHeader(name)) !== undefined;
  } catch (thrown) {
    throw faultOf("open", name, thrown);
  }
}

/** The databases that are kept here; none where the browser does not tell. @throws StorageFault */
export async function listKeptFiles(): Promise<{ path: string; sizeBytes: number }[]> {
  try {
    const listed = (await globalThis.indexedDB?.databases?.()) ?? [];
    const found: { path: string; sizeBytes: number }[] = [];
    for (const { name = "" } of listed) {
      if (!name.startsWith(PREFIX)) continue;
      const path = name.slice(PREFIX.length);
      const [sizeBytes = 0, ...others] = (await readHeader(path))?.sizes ?? [];
      if (sizeBytes <= 0) continue;
      found.push({
        path,
        sizeBytes: others.reduce((sum, size) => sum + Math.max(0, size), sizeBytes),
      });
    }
    return found;
  } catch (thrown) {
    throw faultOf("list", "the databases in IndexedDB", thrown);
  }
}

/** Removes the database's files, when those who have them open have let go. @throws StorageFault */
export async function deleteKeptFiles(name: string): Promise<void> {
  if (typeof indexedDB === "undefined") return;
  try {
    const deleting = promisifyRequest(indexedDB.deleteDatabase(PREFIX + name));
    await inTime("delete", name, deleting);
  } catch (thrown) {
    throw faultOf("delete", name, thrown);
  }
}

/** Writes something and reads it back. @throws StorageFault where that does not work */
export async function probeIndexedDb(): Promise<void> {
  const name = `sqlite-wasm-pool-probe:${randomToken()}`;
  try {
    const store = createStore(name, STORE);
    await set(HEADER, name, store);
    const found = await get(HEADER, store);
    (await connectionOf(store)).close();
    await promisifyRequest(indexedDB.deleteDatabase(name));
    if (found !== name) throw new StorageFault("io", "IndexedDB gave back something else");
  } catch (thrown) {
    throw faultOf("use", "IndexedDB", thrown);
  }
}

/** The header of a database that is there; nothing is made where it is not. */
async function readHeader(name: string): Promise<Header | undefined> {
  const database = await openExisting(name);
  if (database === undefined) return undefined;
  try {
    if (!database.objectStoreNames.contains(STORE)) return undefined;
    const transaction = database.transaction(STORE);
    const [header] = await Promise.all([
      promisifyRequest<Header | undefined>(transaction.objectStore(STORE).get(HEADER)),
      completed(transaction),
    ]);
    if (header === undefined || header.version === VERSION) return header;
  } finally {
    database.close();
  }
  throw new StorageFault("unsupported", `${name} was written by a later version of this library`);
}

/**
 * IndexedDB makes the database that is opened: where it is new, the making is called off. WebKit leaves an
 * empty one behind all the same, so a look at the list comes first.
 */
async function openExisting(name: string): Promise<IDBDatabase | undefined> {
  if (typeof indexedDB === "undefined") {
    throw new StorageFault("unsupported", "IndexedDB is not available here");
  }
  const listed = await indexedDB.databases?.();
  if (listed?.every((each) => each.name !== PREFIX + name)) return undefined;
  const request = indexedDB.open(PREFIX + name);
  const opening = new Promise<IDBDatabase | undefined>((resolve, reject) => {
    let isNew = false;
    request.onupgradeneeded = () => {
      isNew = true;
      request.transaction?.abort();
    };
    request.onsuccess = () => resolve(request.result);
    request.onerror = (event) => {
      event.preventDefault();
      if (isNew) resolve(undefined);
      else reject(request.error);
    };
  });
  return inTime("open", name, opening, (late) => late?.close());
}

/** The connection of `store`, with nothing under way on it. */
function connectionOf(store: UseStore): Promise<IDBDatabase> {
  return store("readonly", async ({ transaction }) => {
    await completed(transaction);
    return transaction.db;
  });
}

/**
 * What `waiting` gives, unless that takes too long; `onLate` gets what comes after all. What was asked of
 * IndexedDB cannot be called off.
 * @throws StorageFault (`locked`)
 */
function inTime<T>(
  verb: string,
  name: string,
  waiting: Promise<T>,
  onLate: (value: T) => void = () => {},
): Promise<T> {
  return new Promise((resolve, reject) => {
    let isLate = false;
    const timer = setTimeout(() => {
      isLate = true;
      const why = `somebody has kept IndexedDB from it for ${PATIENCE_MS} ms: another tab, or a worker that has ended but not let go; close them, or reload the page`;
      reject(new StorageFault("locked", `cannot ${verb} ${name}: ${why}`));
    }, PATIENCE_MS);
    const settled = (): boolean => {
      clearTimeout(timer);
      return isLate;
    };
    waiting.then(
      (value) => (settled() ? onLate(value) : resolve(value)),
      (thrown) => {
        settled();
        reject(thrown);
      },
    );
  });
}

/** Not `promisifyRequest`: an error of one request comes before it is known what ended the transaction. */
function completed(transaction: IDBTransaction): Promise<void> {
  return new Promise((resolve, reject) => {
    transaction.oncomplete = () => resolve();
    transaction.onabort = () =>
      reject(transaction.error ?? new DOMException("the transaction was aborted", "AbortError"));
  });
}

function isSame(a: Header | undefined, b: Header | undefined): boolean {
  return a?.owner === b?.owner && a?.writes === b?.writes;
}

/** `crypto.randomUUID` is kept from pages that are not in a secure context. */
function randomToken(): string {
  return crypto.getRandomValues(new Uint32Array(4)).join("-");
}
