// (d) The same engine behind plain `postMessage`, one message per request and one per reply: what a
// worker thread costs before anything is done about it.

import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { parentPort, workerData } from "node:worker_threads";
import { DirectRows } from "../../dist/rpc/direct-rows.js";
import { createSharedMemory } from "../../dist/shm/layout.js";
import { Host } from "../../dist/worker/host.js";
import { openNodeStorage } from "../../dist/worker/node-storages.js";
import { importSqlJs } from "../../dist/worker/sql-js-script.js";

const wasm = createRequire(import.meta.url).resolve("@sqlite.org/sqlite-wasm/sqlite3.wasm");
const host = await Host.start(
  {
    engine: "sqlite-wasm",
    storage: "file",
    path: workerData.path,
    readonly: false,
    create: false,
    journalMode: "wal",
    synchronous: "full",
    foreignKeys: true,
    pragmas: {},
    maxConnections: 5,
    statementCacheSize: 100,
    integers: "auto",
    severalThreads: false,
    busyTimeout: 0,
    shared: createSharedMemory(),
    slot: 0,
    module: await WebAssembly.compile(readFileSync(wasm)),
  },
  { openStorage: openNodeStorage, loadSqlJs: importSqlJs },
  new DirectRows(),
  undefined,
);
host.handle({ kind: "open", connection: 1 }, 0);
parentPort?.on("message", async ({ id, sql, params, want }) => {
  const access = { connection: 1, permit: false, readonly: false, timeoutMs: 0 };
  const { result } = await host.handle({ kind: "run", ...access, sql, params, want }, 0);
  parentPort?.postMessage({ id, result });
});
parentPort?.postMessage("ready");
