// Opens a pool on the file it is given, says "open" or the error, and does what it is told.

import { parentPort } from "node:worker_threads";
import { openPool } from "sqlite-wasm-pool";

const [, , file = "", busyTimeout = "0"] = process.argv;
/** @param {string} text */
const say = (text) => (parentPort === null ? process.send?.(text) : parentPort.postMessage(text));

try {
  const pool = await openPool(file, { busyTimeout: Number(busyTimeout) });
  process.on("message", async (message) => {
    if (message === "close") {
      await pool.close();
      process.exit();
    } else if (message === "exit") {
      process.exit();
    } else if (message === "write") {
      await pool.executeScript("CREATE TABLE written (a); INSERT INTO written VALUES (1)");
      say("written");
    }
  });
  say("open");
} catch (thrown) {
  const { code, message } = /** @type {{ code?: string, message: string }} */ (thrown);
  say(`${code}: ${message}`);
}
