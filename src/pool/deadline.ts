// Waiting with an end: timers that are always cleared, signals that are always unhooked.

import { LONGEST_TIMER_MS } from "../clock.ts";
import { onAbort } from "./abort.ts";

/** What ends a wait early. */
export interface WaitLimits {
  /** Milliseconds; `Infinity` waits for ever. */
  readonly timeoutMs: number;
  readonly signal?: AbortSignal | undefined;
}

/**
 * Calls `onTimeout` or `onAborted`, at most one of them and once, unless the function it returns is
 * called before. The signal is not aborted yet.
 */
export function armLimits(
  { timeoutMs, signal }: WaitLimits,
  onTimeout: () => void,
  onAborted: (reason: unknown) => void,
): () => void {
  const abort = () => {
    disarm();
    onAborted(signal?.reason);
  };
  const disarm = () => {
    clearTimeout(timer);
    unhook?.();
  };
  const timer = startTimer(timeoutMs, () => {
    disarm();
    onTimeout();
  });
  const unhook = signal && onAbort(signal, abort);
  return disarm;
}

/** What `awaited` gives, or an abort before it. No race: the loser of one would keep what the winner gave. */
export function orAborted<T>(awaited: Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  if (signal === undefined) return awaited;
  return new Promise((resolve, reject) => {
    const abort = () => reject(signal.reason);
    if (signal.aborted) abort();
    const disarm = onAbort(signal, abort);
    awaited.then(resolve, reject).finally(disarm);
  });
}

/** A timer for `clearTimeout`; undefined where it would never come to its end. */
export function startTimer(
  ms: number,
  onTimeout: () => void,
): ReturnType<typeof setTimeout> | undefined {
  return ms > LONGEST_TIMER_MS ? undefined : setTimeout(onTimeout, ms);
}

/** Lets the process end although a timer is still set, where the runtime has that notion. */
export function unref(timer: ReturnType<typeof setTimeout> | undefined): void {
  (timer as { unref?: () => void } | undefined)?.unref?.();
}
