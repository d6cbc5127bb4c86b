// The globals of `tabs-page.ts`, as the scripts of tests see them.

import type { Connection, ConnectionPool } from "sqlite-wasm-pool";

/** A worker of a page, in which scripts run one after another. */
export interface TabWorker {
  run<A, R>(script: (argument: A) => R | Promise<R>, argument: A): Promise<R>;
  terminate(): void;
}

declare global {
  var openPool: typeof import("sqlite-wasm-pool").openPool;
  var estimateStorage: typeof import("sqlite-wasm-pool").estimateStorage;
  var persistStorage: typeof import("sqlite-wasm-pool").persistStorage;
  /** Kept by a test's script for the next one in the same tab or worker. */
  var pool: ConnectionPool;
  var leased: Connection;
  var heard: unknown[];
  var end: () => void;
  var opening: Promise<ConnectionPool>;
  var openGate: () => void;
  var writing: Promise<unknown>;
  var watched: Promise<unknown>;
  var heardInterrupt: Promise<unknown>;
  /** Ends the workers of the library in this tab, as a crash of theirs would. */
  var endWorkers: () => void;
  var newWorker: () => TabWorker;
  var worker: TabWorker;
}
