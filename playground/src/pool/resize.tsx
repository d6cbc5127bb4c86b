import type { Session } from "../state/session.ts";
import { Button } from "../ui/controls.tsx";

const MOST = 32;

/** Changes how many connections the open pool may have. */
export function Resize({ session: { pool, recorder } }: { readonly session: Session }) {
  void recorder.ticks.value;
  const set = (max: number) => {
    pool.resize(max);
    recorder.ticks.value++;
  };
  const max = pool.maxConnections;
  return (
    <>
      <label class="row small">
        Most connections
        <input
          class="slider short"
          type="range"
          min="1"
          max={MOST}
          value={max}
          onInput={(event) => set(Number(event.currentTarget.value))}
        />
        <output class="mono">{max}</output>
      </label>
      <Button label="Close idle connections beyond the first" onClick={() => pool.evictIdle()}>
        Evict idle
      </Button>
    </>
  );
}
