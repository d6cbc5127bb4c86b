// The load on the open pool: one at a time, started and stopped from any view.

import { computed, signal } from "@preact/signals";
import type { ConnectionPool } from "sqlite-wasm-pool";
import { opening, type Session } from "../state/session.ts";
import { drive } from "./drive.ts";
import { type Measured, Tally } from "./tally.ts";
import { type Mix, prepare } from "./work.ts";

export interface LoadSettings extends Mix {
  readonly callers: number;
}

export const loadSettings = signal<LoadSettings>({
  scan: 2,
  write: 10,
  pauseMs: 5,
  callers: 8,
});

interface Running {
  readonly pool: ConnectionPool;
  readonly aborter: AbortController;
  readonly state: "preparing" | "running";
}

const running = signal<Running | undefined>(undefined);
/** What the load on the open pool does. */
export const loadState = computed(() => {
  const { value } = opening;
  if (value.state !== "open" || running.value?.pool !== value.session.pool) return "off";
  return running.value.state;
});
export const measured = signal<Measured | undefined>(undefined);

const REPORT_MS = 500;

/** Runs the load of the settings until it is stopped. Rejects where the data cannot be prepared. */
export async function startLoad({ pool, recorder }: Session): Promise<void> {
  stopLoad();
  const aborter = new AbortController();
  running.value = { pool, aborter, state: "preparing" };
  const ends = pool.on("close", ({ reason }) => {
    if (reason === "closed") aborter.abort();
  });
  try {
    await prepare(pool, aborter.signal);
    running.value = { pool, aborter, state: "running" };
    const { callers, ...mix } = loadSettings.peek();
    recorder.log.add("load", undefined, `${callers} callers`);
    await measure({ mix, callers, seed: 1 }, pool, aborter.signal);
  } catch (thrown) {
    if (!aborter.signal.aborted) throw thrown;
  } finally {
    ends();
    if (running.value?.aborter === aborter) running.value = undefined;
  }
}

export function stopLoad(): void {
  running.peek()?.aborter.abort();
  running.value = undefined;
}

async function measure(
  plan: { mix: Mix; callers: number; seed: number },
  pool: ConnectionPool,
  abort: AbortSignal,
): Promise<void> {
  const tally = new Tally();
  tally.begin();
  const timer = setInterval(() => {
    measured.value = tally.measured;
  }, REPORT_MS);
  try {
    await drive(plan, (body) => body(pool), tally, abort);
  } finally {
    tally.end();
    clearInterval(timer);
    measured.value = tally.measured;
  }
}
