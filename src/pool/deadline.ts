// Waiting with an end: timers that are always cleared, signals that are always unhooked.

/** `setTimeout` takes no longer delay; a longer wait is as good as for ever. */
export const LONGEST_TIMER_MS = 2 ** 31 - 1;

/** What ends a wait early. */
export interface WaitLimits {
  /** Milliseconds; `Infinity` waits for ever. */
  readonly timeoutMs: number;
  readonly signal?: AbortSignal | undefined;
}

/**
 * Calls `onTimeout` or `onAbort`, at most one of them and once, unless the function it returns is
 * called before. The signal is not aborted yet.
 */
export function armLimits(
  { timeoutMs, signal }: WaitLimits,
  onTimeout: () => void,
  onAbort: (reason: unknown) => void,
): () => void {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const abort = () => {
    disarm();
    onAbort(signal?.reason);
  };
  const disarm = () => {
    clearTimeout(timer);
    signal?.removeEventListener("abort", abort);
  };
  if (timeoutMs <= LONGEST_TIMER_MS) {
    timer = setTimeout(() => {
      disarm();
      onTimeout();
    }, timeoutMs);
  }
  signal?.addEventListener("abort", abort);
  return disarm;
}

/** Lets the process end although a timer is still set, where the runtime has that notion. */
export function unref(timer: ReturnType<typeof setTimeout>): void {
  (timer as { unref?: () => void }).unref?.();
}
