import { useEffect, useRef, useState } from "preact/hooks";

/** A value that is made from something asynchronous, anew whenever `key` changes. */
export function useLoaded<T>(
  load: (signal: AbortSignal) => Promise<T>,
  key: readonly unknown[],
): { readonly value: T | undefined; readonly error: unknown } {
  const [loaded, setLoaded] = useState<{ value: T | undefined; error: unknown }>({
    value: undefined,
    error: undefined,
  });
  useEffect(() => {
    const aborter = new AbortController();
    load(aborter.signal).then(
      (value) => {
        if (!aborter.signal.aborted) setLoaded({ value, error: undefined });
      },
      (error: unknown) => {
        if (!aborter.signal.aborted) setLoaded((before) => ({ value: before.value, error }));
      },
    );
    return () => aborter.abort();
  }, key);
  return loaded;
}

/** Calls `draw` before each frame while the component is shown; less often where motion is unwanted. */
export function useFrames(draw: () => void): void {
  const latest = useRef(draw);
  latest.current = draw;
  useEffect(() => {
    const isCalm = matchMedia("(prefers-reduced-motion: reduce)").matches;
    if (isCalm) {
      const timer = setInterval(() => latest.current(), 1_000);
      return () => clearInterval(timer);
    }
    let frame = requestAnimationFrame(function next() {
      latest.current();
      frame = requestAnimationFrame(next);
    });
    return () => cancelAnimationFrame(frame);
  }, []);
}
