// The suite of databases in IndexedDB, in the page's main thread and in a worker of every browser.

import { test } from "vitest";
import type { Launch } from "../harness/browsers/browser.ts";
import { launchChromium } from "../harness/browsers/chromium.ts";
import { launchFirefox } from "../harness/browsers/firefox.ts";
import { launchWebKit } from "../harness/browsers/webkit.ts";
import { bundle } from "../harness/bundle.ts";
import { declareResults } from "../harness/declare.ts";
import { byMatrix } from "../harness/matrix.ts";
import { runInBrowser, type Thread } from "../harness/run-in-browser.ts";
import { startServer } from "../harness/server.ts";

const THREADS: readonly Thread[] = ["page", "worker"];
const SUITE = "test/storage/indexeddb.web.ts";
const BROWSERS: readonly (readonly [string, Launch])[] = [
  ["Chromium", launchChromium],
  ["Firefox", launchFirefox],
  ["WebKitGTK", launchWebKit],
];

const sources = ["test/harness/thread.ts", SUITE];
const files = await bundle(sources);
for (const [name, launch] of BROWSERS) {
  try {
    await using server = await startServer({ files, isolated: true });
    await using browser = await launch();
    // What a worker adds is the same in each of them.
    for (const thread of name === "Chromium" ? THREADS : byMatrix(THREADS.slice(0, 1), THREADS)) {
      const results = await runInBrowser(browser, server, thread, [SUITE]);
      await declareResults(`${name}, ${thread}`, results, sources);
    }
  } catch (error) {
    test(`${name} runs the suite`, () => {
      throw error;
    });
  }
}
