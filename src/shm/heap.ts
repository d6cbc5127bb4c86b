// What the wal-index needs of the WebAssembly memory of its instance.

/** The linear memory of one WebAssembly instance. */
export interface Heap {
  /** All of the memory as bytes. Ask anew after anything that may allocate: growth detaches views. */
  u8(): Uint8Array;
  /** All of the memory as words. Ask anew after anything that may allocate. */
  u32(): Uint32Array;
  /** Reserves bytes, aligned to 8, and returns their address, or 0 when there is no memory left. */
  alloc(bytes: number): number;
  free(address: number): void;
}
