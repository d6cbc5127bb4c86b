// How large a chunk of a file in IndexedDB should be: `node bench/browser/chunk-sizes.js [chromium|firefox]`.
// Each round takes every size in turn; what is shown is the best round, and its ratio to 64 KiB.

import { once } from "node:events";
import { createServer } from "node:http";
import { chromium } from "playwright-core";
import puppeteer from "puppeteer-core";

const FLAGS = [
  "--no-sandbox",
  "--disable-gpu",
  "--no-first-run",
  "--disable-background-networking",
];
const ROUNDS = 3;
const SIZES_KIB = [4, 16, 32, 64, 128, 256];
/** @type {Record<string, () => Promise<{ newPage(): Promise<any>, close(): Promise<void> }>>} */
const BROWSERS = {
  chromium: () => chromium.launch({ executablePath: "/usr/bin/chromium", args: FLAGS }),
  firefox: () =>
    puppeteer.launch({
      browser: "firefox",
      executablePath: "/usr/bin/firefox-esr",
      headless: true,
    }),
};

const server = createServer((_, response) => {
  response.setHeader("Content-Type", "text/html").end("<!doctype html>");
}).listen(0, "127.0.0.1");
await once(server, "listening");
const address = server.address();
const port = typeof address === "object" ? address?.port : 0;

for (const name of process.argv[2] ? [process.argv[2]] : Object.keys(BROWSERS)) {
  const browser = await BROWSERS[name]();
  const page = await browser.newPage();
  await page.goto(`http://localhost:${port}/`);
  /** @type {Map<number, Record<string, number>>} */
  const best = new Map();
  for (let round = 0; round < ROUNDS; round++) {
    for (const kib of SIZES_KIB) {
      const times = await page.evaluate(measure, kib * 1024);
      const before = best.get(kib);
      for (const [what, ms] of Object.entries(before ?? {}))
        times[what] = Math.min(ms, times[what]);
      best.set(kib, times);
    }
  }
  await browser.close();
  console.log(`\n${name}, ms (ratio to 64 KiB)`);
  const reference = best.get(64) ?? {};
  for (const [kib, times] of best) {
    const columns = Object.entries(times).map(
      ([what, ms]) => `${what} ${ms.toFixed(2)} (${(ms / reference[what]).toFixed(2)})`,
    );
    console.log(`${String(kib).padStart(4)} KiB  ${columns.join("   ")}`);
  }
}
server.close();

/**
 * Runs in the page: the times of a file of 32 MiB.
 * @param {number} chunkBytes
 * @returns {Promise<Record<string, number>>}
 */
async function measure(chunkBytes) {
  const FILE = 32 << 20;
  const BATCH = 8 << 20;
  const PAGE = 4096;
  const count = FILE / chunkBytes;
  /** @param {IDBRequest} request @returns {Promise<any>} */
  const answer = (request) =>
    new Promise((resolve, reject) => {
      request.onsuccess = () => resolve(request.result);
      request.onerror = () => reject(request.error);
    });
  const name = `chunks of ${chunkBytes}`;
  const opening = indexedDB.open(name);
  opening.onupgradeneeded = () => opening.result.createObjectStore("chunks");
  const database = await answer(opening);
  /** @param {Iterable<number>} indexes @param {IDBTransactionDurability} durability */
  const write = async (indexes, durability) => {
    const started = performance.now();
    const transaction = database.transaction("chunks", "readwrite", { durability });
    const store = transaction.objectStore("chunks");
    for (const index of indexes) store.put(new Uint8Array(chunkBytes).fill(index), [0, index]);
    await new Promise((resolve, reject) => {
      transaction.oncomplete = resolve;
      transaction.onabort = () => reject(transaction.error);
    });
    return performance.now() - started;
  };
  /** @param {number} times @param {() => Iterable<number>} indexes @param {IDBTransactionDurability} durability */
  const mean = async (times, indexes, durability) => {
    let ms = 0;
    for (let i = 0; i < times; i++) ms += await write(indexes(), durability);
    return ms / times;
  };
  const random = () => Math.floor(Math.random() * count);
  const fill = await write(Array(count).keys(), "relaxed");
  // The end of the log and the header of the file.
  const commit = await mean(50, () => [0, count - 1], "strict");
  const relaxed = await mean(50, () => [0, count - 1], "relaxed");
  // A thousand pages anywhere, as a checkpoint writes them: the chunks that they are in.
  const pages = () =>
    new Set(Array.from({ length: 1000 * Math.min(1, chunkBytes / PAGE) }, random));
  const checkpoint = await mean(2, pages, "relaxed");
  const started = performance.now();
  for (let first = 0; first < count; first += BATCH / chunkBytes) {
    const range = IDBKeyRange.bound([0, first], [0, first + BATCH / chunkBytes - 1]);
    await answer(database.transaction("chunks").objectStore("chunks").getAll(range));
  }
  const load = performance.now() - started;
  database.close();
  await answer(indexedDB.deleteDatabase(name));
  return { fill, load, commit, relaxed, checkpoint };
}
