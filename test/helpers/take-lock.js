// Takes the lock of the database it is given, says how that went, and stays until its parent goes.

import { parentPort } from "node:worker_threads";
import { acquireLockFile, describeHolder } from "../../dist/storage/lock-file.js";

const path = process.argv[2] ?? "";
const attempt = acquireLockFile(path);
const outcome = "holder" in attempt ? describeHolder(attempt.holder, path) : "taken";
if (parentPort !== null) {
  parentPort.postMessage(outcome);
  setInterval(() => {}, 1000);
} else {
  process.send?.(outcome);
  process.on("disconnect", () => process.exit());
}
