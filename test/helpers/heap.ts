// WebAssembly memory for what is tested without an instance.

import type { Heap } from "../../src/shm/heap.ts";

/** Memory that never grows, handed out from its middle on; `freed` has what came back. */
export function newHeap(bytes: number): Heap & { readonly freed: readonly number[] } {
  const buffer = new ArrayBuffer(bytes);
  const [u8, u32] = [new Uint8Array(buffer), new Uint32Array(buffer)];
  const freed: number[] = [];
  let next = bytes / 2;
  return {
    freed,
    u8: () => u8,
    u32: () => u32,
    alloc(size) {
      if (next + size > bytes) return 0;
      next += size;
      return next - size;
    },
    free: (address) => void freed.push(address),
  };
}
