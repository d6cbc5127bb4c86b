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
  const sharesMemory = typeof SharedArrayBuffer === "function";
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
      isThere: sharesMemory,
      why: whyShared(isIsolated, sharesMemory),
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

function whyShared(isIsolated: boolean, sharesMemory: boolean): string {
  if (sharesMemory) return "workers share locks and the index of the log";
  return isIsolated
    ? "this browser has no SharedArrayBuffer, even in isolated pages"
    : "SharedArrayBuffer takes cross-origin isolation";
}

/** What the open pool makes of it. */
export function poolFindings(capabilities: Capabilities, stats: PoolStats): Finding[] {
  const { parallelReads, crossTab, durable, wal, interrupt, role, fts5, fallbacks } = capabilities;
  const instead = fallbacks.map(({ tried, why }) => ({
    name: `${tried}, which was tried first`,
    isThere: false,
    why,
  }));
  return [
    ...instead,
    {
      name: "Readers in parallel",
      isThere: parallelReads,
      why: parallelReads
        ? "statements run on several threads"
        : whyNotParallel(capabilities, stats),
    },
    {
      name: "Readers beside the writer",
      isThere: wal,
      why: wal ? "write-ahead log" : "readers and the writer take turns without a write-ahead log",
    },
    {
      name: "Durable",
      isThere: durable,
      why: durable ? "a resolved commit is stored" : "in memory: gone when the page goes",
    },
    {
      name: "Running statements can be stopped",
      isThere: interrupt,
      why: interrupt
        ? "by a word in shared memory that SQLite looks at"
        : whyNoInterrupt(capabilities, stats),
    },
    {
      name: "Full-text search",
      isThere: fts5,
      why: fts5 ? "FTS5 is in this build of SQLite" : `${stats.engine} comes without FTS5`,
    },
    {
      name: "Shared by tabs",
      isThere: crossTab,
      why: crossTab ? whoseTab(role) : "one tab at a time has a database open",
    },
  ];
}

function whoseTab(role: Capabilities["role"]): string {
  if (role === "client") return "another tab runs SQLite for this one";
  return "this tab runs SQLite; others send their statements to its workers";
}

function whyNotParallel(
  { role }: Capabilities,
  { storage, engine, max, threads }: PoolStats,
): string {
  if (max === 1) return "the pool has one connection";
  if (role === "client") return "this tab has one line to the workers of another";
  if (threads === 0) return "SQLite runs in the page's own thread";
  if (engine === "sql.js") return "sql.js keeps a database in the memory of one thread";
  if (typeof SharedArrayBuffer !== "function") return "threads cannot share memory in this page";
  if (storage === "opfs") return "this browser lets one thread at a time open a file";
  if (storage === "indexeddb")
    return "one thread keeps the pages, and stores them commit by commit";
  return "all connections are in one thread";
}

function whyNoInterrupt({ role }: Capabilities, { threads }: PoolStats): string {
  if (role === "client") return "SQLite runs in another tab: a statement is abandoned there";
  if (threads === 0) return "while a statement runs in the page's thread, nothing else does";
  return "without shared memory a statement is stopped between rows at best";
}
