// Buffers of large results that come back once they have been read, for the results that follow. Fresh
// memory is dear: the system clears every page of it when it is first touched, and in a virtual machine that
// may take longer than packing the rows that go there.

/** Smaller ones are not worth a message. */
const LEAST_BYTES = 65_536;
/** Larger ones are let go: memory that is kept is missing elsewhere. */
const MOST_BYTES = 4 << 20;
/** One is read while the next one is filled. */
const MOST_KEPT = 2;

/** A buffer of so many bytes is wanted back. */
export function isWorthKeeping(bytes: number): boolean {
  return bytes >= LEAST_BYTES && bytes <= MOST_BYTES;
}

/** The spare buffers of one thread. */
export class SpareBuffers {
  readonly #kept: ArrayBuffer[] = [];
  /** Takes in those that have come back and wait to be heard of. */
  collect: () => void = () => {};

  add(buffer: ArrayBuffer): void {
    if (this.#kept.length === MOST_KEPT) this.#kept.shift();
    this.#kept.push(buffer);
  }

  /** A buffer of `bytes` or more, with anything in it. */
  take(bytes: number): ArrayBuffer {
    if (!isWorthKeeping(bytes)) return new ArrayBuffer(bytes);
    this.collect();
    const found = this.#kept.findIndex(({ byteLength }) => byteLength >= bytes);
    if (found >= 0) return this.#kept.splice(found, 1)[0] as ArrayBuffer;
    // Somewhat larger, so that it serves results of about the same size, too.
    return new ArrayBuffer(Math.min(MOST_BYTES, Math.ceil(bytes / LEAST_BYTES + 1) * LEAST_BYTES));
  }
}
