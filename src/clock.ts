// The clock, found once. In browsers the way to it leads through a getter of the global object, which takes
// longer than reading it does.

/** The global `performance`. */
export const clock = globalThis.performance;

/** Resolves after `ms` milliseconds; until then it keeps the process alive. */
export function sleep(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

/**
 * Resolves once the thread has had a turn for all else: timers, events, painting. A timer of its own would be
 * late in a page that is not seen: it has them once a second.
 */
export function nextTask(): Promise<void> {
  return new Promise((resolve) => {
    const { port1, port2 } = new MessageChannel();
    port1.onmessage = () => {
      port1.close();
      resolve();
    };
    port2.postMessage(undefined);
  });
}

/** `setTimeout` takes no longer delay: it would end at once. A longer wait is as good as for ever. */
export const LONGEST_TIMER_MS = 2 ** 31 - 1;
