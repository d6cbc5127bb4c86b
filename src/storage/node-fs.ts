// Files by `node:fs`, which Node, Deno and Bun have. Every call is synchronous.

import * as fs from "node:fs";
import * as path from "node:path";
import { codeOf, describeFault } from "./node-faults.ts";
import { type OpenFlags, type Storage, StorageFault, type StorageFile } from "./storage.ts";

const READ_AHEAD_BYTES = 262_144;
/** As many as SQLite follows, `SQLITE_MAX_SYMLINK` in os_unix.c. */
const MOST_LINKS = 100;

/** The files of this machine. */
export function nodeFsStorage(): Storage {
  return { readAheadBytes: READ_AHEAD_BYTES, resolve, open, exists, isWritable, delete: remove };
}

function resolve(name: string): string {
  return attempt("resolve", name, () => {
    let at = name;
    for (let links = 0; links <= MOST_LINKS; links++) {
      const found = realName(at);
      if (found !== undefined) return found;
      // The file is yet to be made: where a link to it says, and not in the place of the link.
      const directory = fs.realpathSync.native(path.dirname(at));
      const own = path.join(directory, path.basename(at));
      if (!fs.lstatSync(own, { throwIfNoEntry: false })?.isSymbolicLink()) return own;
      const target = fs.readlinkSync(own);
      // Not `path.resolve`, for which `a/..` is nothing: where `a` is a link, it is the parent of its target.
      at = path.isAbsolute(target) ? target : `${directory}${path.sep}${target}`;
    }
    throw new Error("it is a link to a link, and so on without end");
  });
}

function realName(name: string): string | undefined {
  try {
    return fs.realpathSync.native(name);
  } catch (thrown) {
    if (codeOf(thrown) !== "ENOENT") throw thrown;
    return undefined;
  }
}

function open(name: string, { create, readonly }: OpenFlags): StorageFile {
  return attempt("open", name, () => {
    const isNew = create && !fs.existsSync(name);
    const { O_RDONLY, O_RDWR, O_CREAT } = fs.constants;
    const flags = readonly ? O_RDONLY : create ? O_RDWR | O_CREAT : O_RDWR;
    const fd = fs.openSync(name, flags, 0o644);
    try {
      const stat = fs.fstatSync(fd);
      if (!stat.isFile()) throw new Error("it is a directory, or no file at all");
      // Without this a power cut may take the new file's name away.
      if (isNew) syncDirectory(name);
      return new NodeFile(name, fd, { readonly, identity: identityOf(stat) });
    } catch (thrown) {
      fs.closeSync(fd);
      throw thrown;
    }
  });
}

function exists(name: string): boolean {
  return attempt("look for", name, () => fs.existsSync(name));
}

/** Opening tells more than asking does, and in Deno needs no further permission. */
function isWritable(name: string): boolean {
  try {
    fs.closeSync(fs.openSync(name, "r+"));
    return true;
  } catch {
    return false;
  }
}

function remove(name: string, durable: boolean): void {
  attempt("delete", name, () => {
    fs.unlinkSync(name);
    if (durable) syncDirectory(name);
  });
}

/** Some systems cannot open a directory; there is nothing to sync there then. */
function syncDirectory(name: string): void {
  let fd: number;
  try {
    fd = fs.openSync(path.dirname(name), "r");
  } catch {
    return;
  }
  try {
    fs.fsyncSync(fd);
  } catch (thrown) {
    if (codeOf(thrown) === "ENOSPC" || codeOf(thrown) === "EIO") throw thrown;
  } finally {
    fs.closeSync(fd);
  }
}

/** Device and inode in one word: inodes that are near each other never have the same. */
function identityOf({ dev, ino }: fs.Stats): number {
  return Math.imul(dev, 31) ^ (ino % 2 ** 32) ^ Math.floor(ino / 2 ** 32) || -1;
}

class NodeFile implements StorageFile {
  readonly readonly: boolean;
  readonly identity: number;
  readonly #name: string;
  readonly #fd: number;

  constructor(
    name: string,
    fd: number,
    { readonly, identity }: { readonly: boolean; identity: number },
  ) {
    this.#name = name;
    this.#fd = fd;
    this.readonly = readonly;
    this.identity = identity;
  }

  read(heap: Uint8Array, start: number, length: number, offset: number): number {
    let done = 0;
    try {
      while (done < length) {
        const got = fs.readSync(this.#fd, heap, start + done, length - done, offset + done);
        if (got === 0) break;
        done += got;
      }
    } catch (thrown) {
      throw faultOf("read", this.#name, thrown);
    }
    return done;
  }

  write(heap: Uint8Array, start: number, length: number, offset: number): void {
    let done = 0;
    try {
      while (done < length) {
        done += fs.writeSync(this.#fd, heap, start + done, length - done, offset + done);
      }
    } catch (thrown) {
      throw faultOf("write", this.#name, thrown);
    }
  }

  truncate(sizeBytes: number): void {
    attempt("truncate", this.#name, () => fs.ftruncateSync(this.#fd, sizeBytes));
  }

  sync(): void {
    attempt("sync", this.#name, () => fs.fdatasyncSync(this.#fd));
  }

  isDeleted(): boolean {
    return attempt("stat", this.#name, () => fs.fstatSync(this.#fd).nlink === 0);
  }

  isInPlace(): boolean {
    try {
      const there = fs.statSync(this.#name, { throwIfNoEntry: false });
      return there !== undefined && identityOf(there) === this.identity;
    } catch {
      // The directory may not be searched any more: that is no reason to think so.
      return true;
    }
  }

  sizeBytes(): number {
    return attempt("stat", this.#name, () => fs.fstatSync(this.#fd).size);
  }

  close(): void {
    attempt("close", this.#name, () => fs.closeSync(this.#fd));
  }
}

function attempt<T>(what: string, name: string, body: () => T): T {
  try {
    return body();
  } catch (thrown) {
    throw faultOf(what, name, thrown);
  }
}

function faultOf(what: string, name: string, thrown: unknown): StorageFault {
  if (thrown instanceof StorageFault) return thrown;
  const { reason, notFound, advice } = describeFault(thrown, name);
  const why = thrown instanceof Error ? thrown.message : String(thrown);
  const directory = codeOf(thrown) === "EISDIR" ? "it is a directory: " : "";
  return new StorageFault(reason, `could not ${what} ${name}: ${directory}${why}${advice}`, {
    cause: thrown,
    notFound,
  });
}
