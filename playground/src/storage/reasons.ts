// What this browser and this page have, and what the pool makes of it, with the reason.

import type { Capabilities, PoolStats } from "sqlite-wasm-pool";

export interface Finding {
  readonly name: string;
  readonly isThere: boolean;
  readonly why: string;
}

/** What the platform offers here. */
export function platformFindings(): Finding[] {
  const isIsolated = globalThis.crossOriginIsolated === true;
  return [
    {
      name: "Secure context",
      isThere: isSecureContext,
      why: isSecureContext
        ? "https, or this machine"
        : "files and locks are only for pages that come by https or from localhost",
    },
    {
      name: "Cross-origin isolation",
      isThere: isIsolated,
      why: isIsolated
        ? "the server sends COOP and COEP"
        : "the page came without the headers COOP: same-origin and COEP: require-corp",
    },
    {
      name: "Shared memory",
      isThere: typeof SharedArrayBuffer === "function",
      why: isIsolated
        ? "workers share locks and the index of the log"
        : "SharedArrayBuffer takes cross-origin isolation",
    },
    {
      name: "Origin private files",
      isThere: navigator.storage?.getDirectory !== undefined,
      why:
        navigator.storage?.getDirectory === undefined
          ? "this browser has no navigator.storage.getDirectory, or not for this page"
          : "databases are real files",
    },
    {
      name: "Web Locks",
      isThere: navigator.locks !== undefined,
      why: "one tab at a time owns a database",
    },
  ];
}

/** What the open pool makes of it. */
export function poolFindings(
  { parallelReads, crossTab, durable, wal, interrupt, role }: Capabilities,
  { storage, max, threads }: PoolStats,
): Finding[] {
  return [
    {
      name: "Readers in parallel",
      isThere: parallelReads,
      why: parallelReads
        ? "statements run on several threads"
        : whyNotParallel(storage, max, threads),
    },
    {
      name: "Readers beside the writer",
      isThere: wal,
      why: wal
        ? "write-ahead log"
        : "another journal mode than WAL: readers and the writer take turns",
    },
    {
      name: "Durable",
      isThere: durable,
      why: durable ? "a resolved commit is in the files" : "in memory: gone when the page goes",
    },
    {
      name: "Running statements can be stopped",
      isThere: interrupt,
      why: interrupt
        ? "by a word in shared memory that SQLite looks at"
        : "without shared memory a statement is stopped between rows at best",
    },
    {
      name: "Shared by tabs",
      isThere: crossTab,
      why: crossTab
        ? role === "owner"
          ? "this tab runs SQLite, others send it their statements"
          : "another tab runs SQLite for this one"
        : "one tab at a time has a database open",
    },
  ];
}

function whyNotParallel(storage: string, max: number, threads: number): string {
  if (max === 1) return "the pool has one connection";
  if (threads === 0) return "SQLite runs in the page's own thread";
  if (typeof SharedArrayBuffer !== "function") return "threads cannot share memory in this page";
  if (storage === "opfs") return "this browser lets one thread at a time open a file";
  return "all connections are in one thread";
}
