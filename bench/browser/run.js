// Compares the pool in Chromium, on the origin private file system, with the others that keep SQLite
// there:
//
//   npm run bench:browser                 all groups, three rounds
//   npm run bench:browser -- beside 5     one of worker, page, beside; five rounds

import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { createServer } from "node:http";
import { tmpdir } from "node:os";
import { extname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { chromium } from "playwright-core";
import { build } from "vite";
import { median, printTable, short, verdict } from "../measure.js";

const [only = "", rounds = "3"] = process.argv.slice(2);
const TYPES = { ".html": "text/html", ".js": "text/javascript", ".wasm": "application/wasm" };
const OURS = "sqlite-wasm-pool";

const directory = mkdtempSync(join(tmpdir(), "sqlite-wasm-pool-bench-"));
const outDir = join(directory, "page");
await build({
  root: fileURLToPath(new URL(".", import.meta.url)),
  configFile: false,
  logLevel: "error",
  worker: { format: "es" },
  build: { outDir, target: "esnext", assetsInlineLimit: 0 },
});
const server = createServer((request, response) => {
  const { pathname } = new URL(request.url ?? "/", "http://localhost");
  const file = pathname === "/" ? "/index.html" : pathname;
  response.setHeader("Cross-Origin-Opener-Policy", "same-origin");
  response.setHeader("Cross-Origin-Embedder-Policy", "require-corp");
  try {
    const body = readFileSync(join(outDir, file));
    response.setHeader("Content-Type", /** @type {any} */ (TYPES)[extname(file)] ?? "text/plain");
    response.end(body);
  } catch {
    response.writeHead(404).end();
  }
});
server.listen(0, "127.0.0.1");
await once(server, "listening");
const { port } = /** @type {import("node:net").AddressInfo} */ (server.address());

const browser = await chromium.launchPersistentContext(join(directory, "profile"), {
  executablePath: "/usr/bin/chromium",
  args: ["--no-sandbox", "--disable-gpu", "--disable-quic", "--disable-background-networking"],
});
try {
  const page = await browser.newPage();
  if (process.env.TRACE) page.on("console", (message) => console.log(message.text()));
  page.on("pageerror", (error) => console.log(error));
  await page.goto(`http://localhost:${port}/`);
  /** @type {Record<string, any[]>} */
  const results = await page.evaluate(`bench(${Number(rounds)}, "${only}")`);
  report("in one worker, ms", "worker", ["bulk", "commits", "points", "scan"], results, 1.2);
  // `start`: from opening what is there to the first answer, on a page that has done so before.
  report("from the page, ms", "page", ["start", "bulk", "commits", "points", "scan"], results, 1.2);
  report("reads beside a long write, ms", "beside", ["p50", "p99", "write"], results, 1);
} finally {
  await browser.close();
  server.close();
  rmSync(directory, { recursive: true, force: true });
}

/**
 * @param {string} title
 * @param {string} group
 * @param {readonly string[]} figures
 * @param {Record<string, any[]>} results
 * @param {number} limit Most times the best peer
 */
function report(title, group, figures, results, limit) {
  if (!Object.keys(results).some((key) => key.startsWith(`${group}/`))) return;
  console.log(`\n${title}`);
  const medians = Object.entries(results)
    .filter(([key]) => key.startsWith(`${group}/`))
    .map(([key, rounds]) => ({
      name: key.slice(group.length + 1),
      error: rounds.find((round) => round.error)?.error,
      values: figures.map((figure) => median(rounds.map((round) => round[figure] ?? Number.NaN))),
    }));
  printTable([
    ["", ...figures],
    ...medians.map(({ name, values }) => [name, ...values.map(short)]),
  ]);
  for (const { name, error } of medians) if (error) console.log(`  ${name}: ${error}`);
  const ours = medians.find(({ name }) => name === OURS);
  figures.forEach((figure, i) => {
    const peers = medians.filter(({ name }) => name !== OURS).map(({ values }) => values[i] ?? 0);
    const best = Math.min(...peers.filter(Number.isFinite));
    if (figure !== "write")
      verdict(`${figure} over the best peer's`, (ours?.values[i] ?? 0) / best, limit, "at most");
  });
}
