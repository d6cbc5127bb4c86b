// The behaviour suites in a browser: in the page's main thread and in a worker, with shared memory
// (cross-origin isolation) and without.

import { test } from "vitest";
import type { Launch } from "../harness/browsers/browser.ts";
import { bundle } from "../harness/bundle.ts";
import { declareResults } from "../harness/declare.ts";
import { runInBrowser } from "../harness/run-in-browser.ts";
import { startServer } from "../harness/server.ts";

/** What only depends on the JavaScript engine. */
const ENGINE_SUITES = ["test/unit/codec.test.ts", "test/unit/sql.test.ts"];

/** Runs the suites in the browser that `launch` starts, then declares each of their tests. */
export async function declareBrowserSuites(name: string, launch: Launch): Promise<void> {
  try {
    const files = await bundle(["test/harness/thread.ts", ...ENGINE_SUITES]);
    await using browser = await launch();
    for (const isolated of [true, false]) {
      await using server = await startServer({ files, isolated });
      for (const thread of ["page", "worker"] as const) {
        const title = `${name}, ${thread}, ${isolated ? "isolated" : "not isolated"}`;
        declareResults(title, await runInBrowser(browser, server, thread, ENGINE_SUITES), files);
      }
    }
  } catch (error) {
    test(`${name} runs the suites`, () => {
      throw error;
    });
  }
}
