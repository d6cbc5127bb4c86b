// Takes the lock of the database it is given, says how that went, and stays until its parent goes.

import { parentPort } from "node:worker_threads";
import { acquireLockFile, describeHolder } from "../../dist/storage/lock-file.js";

const attempt = acquireLockFile(process.argv[2] ?? "");
const outcome = "holder" in attempt ? describeHolder(attempt.holder) : "taken";
if (parentPort !== null) {
  parentPort.postMessage(outcome);
  setInterval(() => {}, 1000);
} else {
  process.send?.(outcome);
  process.on("disconnect", () => process.exit());
}
