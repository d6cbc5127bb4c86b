// A file in memory, in chunks of one size, that is kept elsewhere: which chunks have to be written
// there, and what they were, should that fail.

import { StorageFault } from "./storage.ts";

/** One chunk. It has a buffer of its own, because what is cloned of a view is its whole buffer. */
export type Chunk = Uint8Array<ArrayBuffer>;

/** What differs from the file as it was kept. */
export interface Changes {
  readonly written: readonly { readonly index: number; readonly chunk: Chunk }[];
  /** Chunks that are no more. */
  readonly dropped: readonly number[];
}

/** The state of a file beside its chunks. */
interface FileState {
  readonly exists: boolean;
  readonly sizeBytes: number;
}

const ABSENT: FileState = { exists: false, sizeBytes: 0 };

/** The chunks that a file of `sizeBytes` takes. */
export function chunkCount(sizeBytes: number, chunkBytes: number): number {
  return Math.ceil(sizeBytes / chunkBytes);
}

/** A file's bytes. The last chunk is zeros beyond the end. */
export class ChunkedFile {
  readonly #chunkBytes: number;
  readonly #chunks: Chunk[];
  #state: FileState;
  #kept: FileState;
  /** The chunks that have changed as they were kept; undefined for one that was not there. */
  readonly #keptChunks = new Map<number, Chunk | undefined>();

  /** A file that is not there, or the one whose `chunks` were kept. */
  constructor(chunkBytes: number, kept?: { readonly chunks: Chunk[]; readonly sizeBytes: number }) {
    this.#chunkBytes = chunkBytes;
    this.#chunks = kept?.chunks ?? [];
    this.#state = kept === undefined ? ABSENT : { exists: true, sizeBytes: kept.sizeBytes };
    this.#kept = this.#state;
  }

  get exists(): boolean {
    return this.#state.exists;
  }

  get sizeBytes(): number {
    return this.#state.sizeBytes;
  }

  create(): void {
    if (!this.exists) this.#state = { exists: true, sizeBytes: 0 };
  }

  remove(): void {
    this.truncate(0);
    this.#state = ABSENT;
  }

  read(heap: Uint8Array, start: number, length: number, offset: number): number {
    const end = Math.min(offset + length, this.sizeBytes);
    const chunkBytes = this.#chunkBytes;
    for (let at = offset; at < end; ) {
      const index = Math.floor(at / chunkBytes);
      const from = at - index * chunkBytes;
      const to = Math.min(chunkBytes, end - index * chunkBytes);
      heap.set(this.#chunk(index).subarray(from, to), start + at - offset);
      at += to - from;
    }
    return Math.max(0, end - offset);
  }

  write(heap: Uint8Array, start: number, length: number, offset: number): void {
    const end = offset + length;
    const chunkBytes = this.#chunkBytes;
    this.#reserve(end);
    for (let at = offset; at < end; ) {
      const index = Math.floor(at / chunkBytes);
      const from = at - index * chunkBytes;
      const count = Math.min(chunkBytes - from, end - at);
      const source = start + at - offset;
      this.#changing(index).set(heap.subarray(source, source + count), from);
      at += count;
    }
    if (end > this.sizeBytes) this.#state = { exists: true, sizeBytes: end };
  }

  /** What is cut off is cleared, so that a gap reads as zeros when the file grows again. */
  truncate(sizeBytes: number): void {
    if (sizeBytes < this.sizeBytes) this.#shorten(sizeBytes);
    else this.#reserve(sizeBytes);
    this.#state = { exists: this.exists, sizeBytes };
  }

  /** It differs from the file that was kept. */
  get isChanged(): boolean {
    const { exists, sizeBytes } = this.#kept;
    if (sizeBytes !== this.sizeBytes || exists !== this.exists) return true;
    const { written, dropped } = this.changes;
    return written.length > 0 || dropped.length > 0;
  }

  /** What has to be written to keep the file as it is now. */
  get changes(): Changes {
    const written: { index: number; chunk: Chunk }[] = [];
    const dropped: number[] = [];
    for (const [index, kept] of this.#keptChunks) {
      const chunk = this.#chunks[index];
      if (chunk !== undefined) written.push({ index, chunk });
      else if (kept !== undefined) dropped.push(index);
    }
    return { written, dropped };
  }

  /** The file is kept as it is now. */
  settle(): void {
    this.#keptChunks.clear();
    this.#kept = this.#state;
  }

  /** Makes the file what it was when it was kept last. */
  revert(): void {
    this.#state = this.#kept;
    this.#chunks.length = chunkCount(this.sizeBytes, this.#chunkBytes);
    for (const [index, kept] of this.#keptChunks) {
      if (kept !== undefined) this.#chunks[index] = kept;
    }
    this.#keptChunks.clear();
  }

  #chunk(index: number): Chunk {
    const chunk = this.#chunks[index];
    if (chunk === undefined) throw new Error(`BUG: chunk ${index} of a file is missing`);
    return chunk;
  }

  /** The chunk for writing: the kept one stays as it is. */
  #changing(index: number): Chunk {
    const chunk = this.#chunk(index);
    if (this.#keptChunks.has(index)) return chunk;
    const copy = allocate(() => chunk.slice());
    this.#keptChunks.set(index, chunk);
    this.#chunks[index] = copy;
    return copy;
  }

  #reserve(sizeBytes: number): void {
    const count = chunkCount(sizeBytes, this.#chunkBytes);
    while (this.#chunks.length < count) {
      const chunk = allocate(() => new Uint8Array(this.#chunkBytes));
      const index = this.#chunks.push(chunk) - 1;
      if (!this.#keptChunks.has(index)) this.#keptChunks.set(index, undefined);
    }
  }

  #shorten(sizeBytes: number): void {
    const count = chunkCount(sizeBytes, this.#chunkBytes);
    for (let index = count; index < this.#chunks.length; index++) {
      if (!this.#keptChunks.has(index)) this.#keptChunks.set(index, this.#chunk(index));
    }
    this.#chunks.length = count;
    const rest = sizeBytes % this.#chunkBytes;
    if (rest > 0) this.#changing(count - 1).fill(0, rest);
  }
}

function allocate(make: () => Chunk): Chunk {
  try {
    return make();
  } catch (thrown) {
    if (!(thrown instanceof RangeError)) throw thrown;
    throw new StorageFault("quota", "there is no memory left for the database", { cause: thrown });
  }
}
