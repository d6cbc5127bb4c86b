// Memory that several threads have in common. A browser gives it to pages that are cross-origin isolated.

/** Threads can share memory here. */
export function canShareMemory(): boolean {
  return typeof SharedArrayBuffer === "function";
}
