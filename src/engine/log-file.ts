// The write-ahead log as a file that takes the frames of a transaction in few writes.
//
// SQLite writes a frame in two calls, 24 bytes of header and then the page (wal.c, `walWriteOneFrame`), and
// a transaction frame by frame. Frames that are appended are held back, until one of them commits: its
// header says so (https://sqlite.org/fileformat2.html#walformat, bytes 4 to 7). So whatever is held back
// belongs to a transaction that nobody but its own connection may see, which finds it in the file because
// its reads write it first. A header is held only where it is appended: one that is rewritten in place
// (`walRewriteChecksums`) has no page after it.
//
// The write of a commit fails where SQLite hears of it. Where an earlier one fails, frames are missing in
// the log, and every write behind them fails as well: such a transaction cannot commit.

import type { Heap } from "../shm/heap.ts";
import { StorageFault, type StorageFile } from "../storage/storage.ts";
import { WriteRun } from "./write-run.ts";

/** Bytes in front of each page of a log. */
export const FRAME_HEADER_BYTES = 24;
const MOST_PAGE_BYTES = 65_536;
const NOWHERE = -1;

/** Whom a log tells what it does. */
export interface LogHooks {
  /** The end of the transaction that writes will be told of with `drop`. */
  mayHold(): boolean;
  /** A transaction is about to be in the log as committed. @throws StorageFault where it must not be */
  onCommit(): void;
  /**
   * Something is held back: by the end of the transaction `drop` has to be called, before another
   * connection may write to the log.
   */
  onHold(log: LogFile): void;
  onClose(): void;
}

/** A log over the file that holds it. */
export class LogFile implements StorageFile {
  readonly readonly: boolean;
  readonly identity: number;
  readonly #file: StorageFile;
  readonly #run: WriteRun;
  readonly #hooks: LogHooks;
  /** Where the latest header ends, and so its page starts. */
  #pageAt = NOWHERE;
  /** The latest header was held back. */
  #holdsHeader = false;
  /** The latest header is that of a commit. */
  #commits = false;
  /** Where the latest frame ends: a header that is written there is appended. */
  #end = NOWHERE;
  #pageBytes = 0;
  /** From here on frames are missing, because they could not be written. */
  #lostFrom = Number.POSITIVE_INFINITY;
  #lost: unknown;

  /**
   * All writes come from `heap`.
   * @throws StorageFault
   */
  constructor(file: StorageFile, heap: Heap, hooks: LogHooks) {
    this.#file = file;
    this.#hooks = hooks;
    this.#run = new WriteRun(heap, FRAME_HEADER_BYTES + MOST_PAGE_BYTES);
    if (!this.#run.reserve()) {
      file.close();
      throw new StorageFault("io", "there is no memory left for the log");
    }
    this.readonly = file.readonly;
    this.identity = file.identity;
  }

  read(heap: Uint8Array, start: number, length: number, offset: number): number {
    this.#flush();
    if (offset >= this.#lostFrom) throw this.#lost;
    return this.#file.read(heap, start, length, offset);
  }

  write(heap: Uint8Array, start: number, length: number, offset: number): void {
    // A header in front of the gap is that of a frame from which on all are written anew; a page there is
    // that of an old frame, and closes no gap.
    const isHeader = length === FRAME_HEADER_BYTES;
    if (isHeader && offset <= this.#lostFrom) this.#lostFrom = Number.POSITIVE_INFINITY;
    if (offset >= this.#lostFrom) throw this.#lost;
    if (isHeader) this.#writeHeader(heap, start, offset);
    else this.#writePage(heap, start, length, offset);
  }

  truncate(sizeBytes: number): void {
    this.#flush();
    this.#file.truncate(sizeBytes);
  }

  sync(): void {
    this.#flush();
    this.#file.sync();
  }

  isDeleted(): boolean {
    return this.#file.isDeleted();
  }

  isInPlace(): boolean {
    return this.#file.isInPlace();
  }

  sizeBytes(): number {
    this.#flush();
    return this.#file.sizeBytes();
  }

  close(): void {
    // What has not been committed by now is of no use.
    this.#run.free();
    this.#file.close();
    this.#hooks.onClose();
  }

  /** The transaction has ended: what is held back of it was not committed, and nobody will look for it. */
  drop(): void {
    if (!this.#run.isEmpty) this.#end = NOWHERE;
    this.#run.drop();
    this.#lostFrom = Number.POSITIVE_INFINITY;
  }

  #writeHeader(heap: Uint8Array, start: number, offset: number): void {
    this.#holdsHeader = offset === this.#end;
    this.#pageAt = offset + FRAME_HEADER_BYTES;
    this.#commits = isCommit(heap, start);
    if (!this.#holdsHeader) {
      this.#flush();
      this.#file.write(heap, start, FRAME_HEADER_BYTES, offset);
      return;
    }
    if (this.#run.room < FRAME_HEADER_BYTES + this.#pageBytes) this.#flush();
    this.#hold(start, FRAME_HEADER_BYTES, offset);
  }

  #writePage(heap: Uint8Array, start: number, length: number, offset: number): void {
    const isPage = offset === this.#pageAt;
    if (isPage && this.#commits) this.#hooks.onCommit();
    const holds = isPage && this.#holdsHeader;
    this.#holdsHeader = false;
    this.#end = isPage ? offset + length : NOWHERE;
    this.#pageBytes = length;
    if (holds) {
      this.#hold(start, length, offset);
      if (this.#commits || !this.#hooks.mayHold()) this.#flush();
      return;
    }
    this.#flush();
    this.#file.write(heap, start, length, offset);
  }

  #hold(start: number, length: number, offset: number): void {
    if (this.#run.isEmpty) this.#hooks.onHold(this);
    if (this.#run.add(start, length, offset)) return;
    this.#flush();
    this.#run.add(start, length, offset);
  }

  #flush(): void {
    if (this.#run.isEmpty) return;
    const { from } = this.#run;
    try {
      this.#run.writeTo(this.#file);
    } catch (thrown) {
      // Where nothing is held over several calls, it is the call of the very frame that fails.
      if (this.#hooks.mayHold()) this.#lostFrom = from;
      this.#lost = thrown;
      this.#end = NOWHERE;
      throw thrown;
    }
  }
}

/** A frame's header tells the size that its commit gives the database, and 0 where it is no commit. */
function isCommit(heap: Uint8Array, header: number): boolean {
  for (let i = header + 4; i < header + 8; i++) if (heap[i] !== 0) return true;
  return false;
}
