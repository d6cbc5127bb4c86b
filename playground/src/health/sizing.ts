// Advice on the size of a pool, from what it measured. By Little's law the mean number of connections that
// are out is the rate of leases times the mean time each is held.

import type { PoolStats } from "sqlite-wasm-pool";

/** What was measured between two snapshots. */
export interface Window {
  readonly seconds: number;
  readonly leases: number;
  readonly perSecond: number;
  readonly meanHeldMs: number;
  readonly meanWaitMs: number;
  /** Share of a caller's time that is waiting for a connection, 0 to 1. */
  readonly waitShare: number;
  /** Mean number of connections out. */
  readonly inUse: number;
}

/** Of a connection's time, the share that may be used before queues grow long. */
const TARGET_USE = 0.7;
const FEW_LEASES = 50;

export function windowBetween(first: PoolStats, last: PoolStats): Window {
  const seconds = Math.max((last.uptime - first.uptime) / 1_000, 0.001);
  const meanHeldMs = meanBetween(first.held, last.held);
  const meanWaitMs = meanBetween(first.acquireWait, last.acquireWait);
  const leases = last.released - first.released;
  const perSecond = leases / seconds;
  const total = meanHeldMs + meanWaitMs;
  return {
    seconds,
    leases,
    perSecond,
    meanHeldMs,
    meanWaitMs,
    waitShare: total > 0 ? meanWaitMs / total : 0,
    inUse: (perSecond * meanHeldMs) / 1_000,
  };
}

interface Mean {
  readonly count: number;
  readonly mean: number;
}

function meanBetween(first: Mean, last: Mean): number {
  const count = last.count - first.count;
  return count > 0 ? Math.max(0, (last.mean * last.count - first.mean * first.count) / count) : 0;
}

export interface Advice {
  readonly size: number | undefined;
  readonly verdict: "good" | "warn" | undefined;
  readonly text: string;
}

/** What to make of it. */
export function advise(window: Window, { max, threads }: PoolStats): Advice {
  if (window.leases < FEW_LEASES) {
    return {
      size: undefined,
      verdict: undefined,
      text: `Too little was measured (leases: ${window.leases}). Start a load, and look again.`,
    };
  }
  const size = Math.max(1, Math.ceil(window.inUse / TARGET_USE));
  const use = window.inUse / max;
  if (window.waitShare > 0.2 && use > TARGET_USE) {
    const limit =
      threads > 0 && max >= threads * 4
        ? ` More connections than threads (${threads}) only help while some wait for locks or for you: shorten what holds them first.`
        : "";
    return {
      size: Math.max(size, max + 1),
      verdict: "warn",
      text: `Callers spend ${percent(window.waitShare)} of their time waiting, with ${percent(use)} of the connections in use: raise maxConnections.${limit}`,
    };
  }
  if (window.waitShare > 0.2) {
    return {
      size,
      verdict: "warn",
      text: `Callers wait ${percent(window.waitShare)} of their time although ${percent(1 - use)} of the connections are free: they wait for the one turn to write. Make transactions shorter, or put several writes in one; more connections do not help.`,
    };
  }
  if (max > size + 2) {
    return {
      size,
      verdict: "good",
      text: `On average ${window.inUse.toFixed(2)} of ${max} connections are in use: ${size} would do. Each one less leaves the others more of the page cache.`,
    };
  }
  return {
    size,
    verdict: "good",
    text: `The size fits: ${window.inUse.toFixed(2)} of ${max} connections are in use on average, and callers hardly wait.`,
  };
}

export function percent(share: number): string {
  return `${(share * 100).toFixed(share < 0.1 ? 1 : 0)} %`;
}
