// Listening to signals of callers. One signal is often given to many calls, and Node warns of a leak where it
// has more than ten listeners: so it has one here, whoever is to be told.

interface Told {
  readonly listeners: Set<() => void>;
  readonly tell: () => void;
}

const told = new WeakMap<AbortSignal, Told>();

/** Calls `listener` when `signal` is aborted, unless the function it returns is called before. */
export function onAbort(signal: AbortSignal, listener: () => void): () => void {
  const { listeners, tell } = told.get(signal) ?? start(signal);
  if (listeners.size === 0) signal.addEventListener("abort", tell);
  // A listener of its own for each call, whoever else gives the same function.
  const own = () => listener();
  listeners.add(own);
  return () => {
    if (listeners.delete(own) && listeners.size === 0) signal.removeEventListener("abort", tell);
  };
}

function start(signal: AbortSignal): Told {
  const listeners = new Set<() => void>();
  const tell = () => {
    for (const listener of [...listeners]) listener();
  };
  const entry = { listeners, tell };
  told.set(signal, entry);
  return entry;
}
