// Views over the memory of an instance, which grows.

/** WebAssembly's memory, or what stands for it where that is missing. */
export interface Memory {
  readonly buffer: ArrayBufferLike;
}

/**
 * Views over memory that may grow. In WebAssembly a view from before is detached then and has length 0,
 * and asking for the buffer would cost more than looking at that.
 */
export class MemoryViews {
  readonly #memory: Memory;
  #u8: Uint8Array;
  #u32: Uint32Array;

  constructor(memory: Memory) {
    this.#memory = memory;
    this.#u8 = new Uint8Array(memory.buffer);
    this.#u32 = new Uint32Array(memory.buffer);
  }

  u8(): Uint8Array {
    if (this.#u8.length === 0) this.#u8 = new Uint8Array(this.#memory.buffer);
    return this.#u8;
  }

  u32(): Uint32Array {
    if (this.#u32.length === 0) this.#u32 = new Uint32Array(this.#memory.buffer);
    return this.#u32;
  }
}
