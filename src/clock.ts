// The clock, found once. In browsers the way to it leads through a getter of the global object, which takes
// longer than reading it does.

/** The global `performance`. */
export const clock = globalThis.performance;

/** Resolves after `ms` milliseconds; until then it keeps the process alive. */
export function sleep(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

/** `setTimeout` takes no longer delay: it would end at once. A longer wait is as good as for ever. */
export const LONGEST_TIMER_MS = 2 ** 31 - 1;
