// Copies short stretches of bytes. A call of `set` needs a view of its source, which is allocated for it and
// costs more than copying few bytes in place; a DataView takes four at a time wherever they start.

/** More bytes are faster copied by `set`. */
const FEW_BYTES = 256;

/** The heap that was copied from last, and what it is read by: it stays the same until it grows. */
let lastHeap: Uint8Array = new Uint8Array(0);
let lastView = new DataView(lastHeap.buffer);

/**
 * Copies `heap[start, end)` to `to` at `at`. Up to three bytes behind the copy may be overwritten; there
 * is room for them.
 */
export function copyBytes(
  heap: Uint8Array,
  start: number,
  end: number,
  to: DataView<ArrayBuffer>,
  at: number,
): void {
  if (end - start > FEW_BYTES || end + 3 > heap.length) {
    new Uint8Array(to.buffer).set(heap.subarray(start, end), at);
    return;
  }
  if (heap !== lastHeap) {
    lastHeap = heap;
    lastView = new DataView(heap.buffer, heap.byteOffset, heap.length);
  }
  const from = lastView;
  for (let i = start, j = at; i < end; i += 4, j += 4) to.setInt32(j, from.getInt32(i));
}
