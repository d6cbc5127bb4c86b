import type { PoolSettings } from "../state/link.ts";

/** A starting point for a kind of use. */
export interface Profile {
  readonly name: string;
  readonly when: string;
  readonly settings: Pick<
    PoolSettings,
    "maxConnections" | "acquireTimeout" | "maxWaiters" | "idleTimeout"
  >;
}

export const PROFILES: readonly Profile[] = [
  {
    name: "Low",
    when: "a page that reads now and then",
    settings: {
      maxConnections: 2,
      acquireTimeout: 30_000,
      maxWaiters: Number.POSITIVE_INFINITY,
      idleTimeout: 30_000,
    },
  },
  {
    name: "Medium",
    when: "an app with several views on its data",
    settings: {
      maxConnections: 5,
      acquireTimeout: 30_000,
      maxWaiters: Number.POSITIVE_INFINITY,
      idleTimeout: 60_000,
    },
  },
  {
    name: "High",
    when: "many callers at once; fail fast beats a long queue",
    settings: { maxConnections: 10, acquireTimeout: 5_000, maxWaiters: 200, idleTimeout: 300_000 },
  },
  {
    name: "Background",
    when: "syncing or importing beside a page: patient, and few",
    settings: {
      maxConnections: 1,
      acquireTimeout: Number.POSITIVE_INFINITY,
      maxWaiters: Number.POSITIVE_INFINITY,
      idleTimeout: 10_000,
    },
  },
];
