// A thread that does nothing but scan, with native SQLite: what a machine's cores give at best.

import { parentPort, workerData } from "node:worker_threads";
import Database from "better-sqlite3";
import { SCAN } from "./data.js";

const scan = new Database(workerData).prepare(SCAN);
parentPort?.on("message", (request) => {
  scan.get();
  parentPort?.postMessage(request);
});
