// A closed loop: so many callers, each of whom asks again as soon as it has its answer.

import type { Tally } from "./tally.ts";
import { chooseKind, type Mix, request, seeded, type Target } from "./work.ts";

export interface LoadPlan {
  readonly mix: Mix;
  readonly callers: number;
  readonly seed: number;
}

/** Errors in a row after which a caller stops: something is broken, and hammering does not help. */
const MOST_FAILURES = 20;
/** A caller leaves the thread to the page this often, however fast its answers come. */
const YIELD_EVERY_MS = 8;

/**
 * Runs callers until `signal` is aborted, each on what `use` lends it for one request.
 * The tally is filled while this runs; `use` may add what a request costs beside itself.
 */
export async function drive(
  plan: LoadPlan,
  use: (body: (target: Target) => Promise<void>) => Promise<void>,
  tally: Tally,
  signal: AbortSignal,
): Promise<void> {
  const caller = async (seed: number) => {
    const random = seeded(seed);
    let failures = 0;
    let yielded = performance.now();
    while (!signal.aborted && failures < MOST_FAILURES) {
      const kind = chooseKind(plan.mix, random);
      const started = performance.now();
      try {
        await use((target) => request(target, kind, random, plan.mix.pauseMs));
        tally.done(kind, performance.now() - started);
        failures = 0;
      } catch (thrown) {
        if (signal.aborted) return;
        tally.failed(thrown);
        failures++;
      }
      const now = performance.now();
      if (now - yielded > YIELD_EVERY_MS) {
        await nextTask();
        yielded = performance.now();
      }
    }
  };
  await Promise.all(Array.from({ length: plan.callers }, (_, i) => caller(plan.seed + i)));
}

/** Lets the page draw and take input. A timer would add milliseconds of its own. */
function nextTask(): Promise<void> {
  return new Promise((resolve) => {
    const { port1, port2 } = new MessageChannel();
    port1.onmessage = () => {
      port1.close();
      resolve();
    };
    port2.postMessage(undefined);
  });
}
