// Opens a pool on the file it is given, says "open" or the error, and does what it is told.

import { parentPort } from "node:worker_threads";
import { openPool } from "sqlite-wasm-pool";

const [, , file = "", busyTimeout = "0"] = process.argv;
/** @param {string} text */
const say = (text) => (parentPort === null ? process.send?.(text) : parentPort.postMessage(text));

/**
 * Begins an import that never ends, and says so once it has written something.
 * @param {import("sqlite-wasm-pool").ConnectionPool} pool
 */
async function beginImport(pool) {
  const chunks = [await pool.export()];
  const source = new ReadableStream(
    {
      pull(controller) {
        const chunk = chunks.pop();
        if (chunk === undefined) say("importing");
        else controller.enqueue(chunk);
      },
    },
    { highWaterMark: 0 },
  );
  await pool.import(source);
}

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
    } else if (message === "import") {
      await beginImport(pool);
    }
  });
  say("open");
} catch (thrown) {
  const { code, message } = /** @type {{ code?: string, message: string }} */ (thrown);
  say(`${code}: ${message}`);
}
