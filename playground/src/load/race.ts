// The race: the same requests, from the same seed, on the same database, done in three ways, one after the
// other, so that none disturbs another: once in this order and once in the reverse, so that what gets slower
// or faster meanwhile does so for all. The page's own pool is suspended meanwhile: where a browser lets
// one thread have a file, it would keep the others out.

import { type ConnectionPool, openPool } from "sqlite-wasm-pool";
import { optionsOf, type Session } from "../state/session.ts";
import { drive, type LoadPlan } from "./drive.ts";
import { SharedConnection } from "./shared-connection.ts";
import { type Measured, Tally } from "./tally.ts";
import { prepare, type Target } from "./work.ts";

export const RACERS = ["shared", "each", "pool"] as const;
export type Racer = (typeof RACERS)[number];

export interface RacePlan extends LoadPlan {
  readonly seconds: number;
  /** Connections of the pool that races. */
  readonly connections: number;
}

/** How the race stands. */
export interface Standings {
  readonly running: Racer | undefined;
  readonly results: Readonly<Partial<Record<Racer, Measured>>>;
}

type Use = (body: (target: Target) => Promise<void>) => Promise<void>;

const REPORT_MS = 250;

/** Runs the race; rejects with the signal's reason when it is aborted. */
export async function race(
  session: Session,
  plan: RacePlan,
  onChange: (standings: Standings) => void,
  signal: AbortSignal,
): Promise<void> {
  await prepare(session.pool, signal);
  await session.pool.suspend();
  try {
    await raceAll(session, plan, onChange, signal);
  } finally {
    await session.pool.resume();
  }
}

async function raceAll(
  session: Session,
  plan: RacePlan,
  onChange: (standings: Standings) => void,
  signal: AbortSignal,
): Promise<void> {
  const tallies = new Map(RACERS.map((racer) => [racer, new Tally()]));
  const tell = (running: Racer | undefined) => {
    const results = [...tallies].flatMap(([racer, tally]) =>
      tally.hasBegun ? [[racer, tally.measured]] : [],
    );
    onChange({ running, results: Object.fromEntries(results) });
  };
  for (const racer of [...RACERS, ...RACERS.toReversed()]) {
    signal.throwIfAborted();
    const contest = new AbortController();
    const end = () => contest.abort();
    signal.addEventListener("abort", end);
    const tally = tallies.get(racer) ?? new Tally();
    await withRacer(racer, session, plan.connections, async (use) => {
      const clock = setTimeout(end, (plan.seconds * 1_000) / 2);
      const reports = setInterval(() => tell(racer), REPORT_MS);
      tally.begin();
      try {
        await drive(plan, use, tally, contest.signal);
      } finally {
        tally.end();
        clearTimeout(clock);
        clearInterval(reports);
        tell(undefined);
      }
    });
    signal.removeEventListener("abort", end);
  }
  signal.throwIfAborted();
}

/** Readies a way to make requests, and clears it away. */
async function withRacer(
  racer: Racer,
  { settings }: Session,
  connections: number,
  run: (use: Use) => Promise<void>,
): Promise<void> {
  const { database } = settings;
  const open = (maxConnections: number): Promise<ConnectionPool> =>
    openPool(database, { ...optionsOf(settings), maxConnections, name: `race: ${racer}` });
  if (racer === "each") {
    await run(async (body) => {
      const own = await open(1);
      try {
        await body(own);
      } finally {
        await own.close();
      }
    });
    return;
  }
  const pool = await open(racer === "pool" ? connections : 1);
  try {
    if (racer === "pool") {
      // All connections are opened first: it is not their opening that is measured.
      const opened = Array.from({ length: connections }, () => pool.acquire());
      for (const db of await Promise.all(opened)) await db.release();
      await run((body) => body(pool));
    } else
      await pool.withConnection((db) => {
        const shared = new SharedConnection(db);
        return run((body) => body(shared));
      });
  } finally {
    await pool.close();
  }
}
