// A page that is served with a Content Security Policy without `wasm-unsafe-eval`: nothing may be compiled,
// and so the pool runs on sql.js, over the same storages.

import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { Browser, Launch } from "../harness/browsers/browser.ts";
import { launchChromium } from "../harness/browsers/chromium.ts";
import { launchFirefox } from "../harness/browsers/firefox.ts";
import { launchWebKit } from "../harness/browsers/webkit.ts";
import { type Bundle, bundle } from "../harness/bundle.ts";
import { inWholeMatrix } from "../harness/matrix.ts";
import { startServer, type TestServer } from "../harness/server.ts";

const POLICY = "default-src 'self'; script-src 'self'";
const PAGE =
  '<!doctype html><link rel="icon" href="/icon"><script type="module" src="PAGE"></script>';
const SCRIPT = "/test/browser/csp-page.js";

const BROWSERS: readonly (readonly [string, Launch, "opfs" | "indexeddb"])[] = [
  ["Chromium", launchChromium, "opfs"],
  ...inWholeMatrix([
    ["Firefox", launchFirefox, "opfs"] as const,
    ["WebKitGTK", launchWebKit, "indexeddb"] as const,
  ]),
];

let files: Bundle;
beforeAll(async () => {
  const built = await bundle(["test/browser/csp-page.ts"]);
  files = new Map([...built, ["/csp", PAGE.replace("PAGE", SCRIPT)]]);
}, 120_000);

describe.each(BROWSERS)("in %s, without WebAssembly", (_, launch, preferred) => {
  let browser: Browser;
  let server: TestServer;
  beforeAll(async () => {
    [browser, server] = await Promise.all([launch(), startServer({ files, csp: POLICY })]);
  });
  afterAll(async () => {
    await browser?.[Symbol.asyncDispose]();
    await server?.[Symbol.asyncDispose]();
  });

  let runs = 0;
  /** What the page tells of a pool on `path`. */
  async function outcome(path: string, options: object = {}): Promise<unknown> {
    const report = String(++runs);
    const told = new Promise<unknown>((resolve) => {
      server.onReport(report, (body) => resolve(JSON.parse(body)));
    });
    const query = new URLSearchParams({ report, path, options: JSON.stringify(options) });
    const tab = await browser.open(`${server.origin}/csp?${query}`);
    const result = await told;
    await tab.close();
    return result;
  }

  const common = {
    webAssembly: "forbidden",
    engine: "sql.js",
    parallelReads: false,
    severalConnections: false,
    exported: "SQLite format 3",
  };

  test("a database is there again for the next page", async () => {
    const expected = { ...common, storage: preferred, threads: 1, durable: true };
    expect(await outcome("csp.db")).toEqual({ ...expected, rows: 1 });
    expect(await outcome("csp.db")).toEqual({ ...expected, rows: 2 });
    expect(server.requests.filter((path) => path.endsWith(".wasm"))).toEqual([]);
  });

  test("IndexedDB keeps it, in the page's own thread as well", async () => {
    const options = { storage: "indexeddb", threads: 0 };
    const expected = { ...common, storage: "indexeddb", threads: 0, durable: true };
    expect(await outcome("kept.db", options)).toEqual({ ...expected, rows: 1 });
    expect(await outcome("kept.db", options)).toEqual({ ...expected, rows: 2 });
  });

  test("memory serves as ever", async () => {
    const expected = { ...common, storage: "memory", durable: false, rows: 1 };
    expect(await outcome(":memory:", { threads: 0 })).toEqual({ ...expected, threads: 0 });
  });
});
