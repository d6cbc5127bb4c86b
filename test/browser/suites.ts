// The behaviour suites in a browser: in the page's main thread and in a worker, with shared memory
// (cross-origin isolation) and without.

import { readdirSync } from "node:fs";
import { expect, test } from "vitest";
import type { Launch } from "../harness/browsers/browser.ts";
import { bundle } from "../harness/bundle.ts";
import { declareResults } from "../harness/declare.ts";
import { runInBrowser, type Thread } from "../harness/run-in-browser.ts";
import { NO_WASM_POLICY, startServer } from "../harness/server.ts";

/** The behaviour of pools, all of it. */
export const POOL_SUITES = readdirSync(new URL("../pool", import.meta.url)).map(
  (file) => `test/pool/${file}`,
);
/** What depends most on where it runs. */
export const PLACE_SUITES = ["test/pool/transactions.test.ts", "test/pool/whole.test.ts"];
/** What only depends on the JavaScript engine. */
export const ENGINE_SUITES = ["test/unit/codec.test.ts", "test/unit/sql.test.ts"];

interface Run {
  readonly thread: Thread;
  readonly isolated: boolean;
  readonly suites: readonly string[];
  /** Only the places whose name matches. */
  readonly places?: string;
  /** Under a policy that forbids WebAssembly: on sql.js, compiled to JavaScript. */
  readonly withoutWasm?: boolean;
}

/** Where it all falls back: IndexedDB, and no WebAssembly. What runs is the same program in every browser. */
export const FALLBACK_RUN: Run = {
  thread: "page",
  isolated: false,
  suites: PLACE_SUITES,
  places: "^IndexedDB, one worker$",
  withoutWasm: true,
};

/**
 * Either thread and either isolation sees every suite; all four pairs see those that matter most there.
 * What is in memory is the same in a worker as in a page.
 */
const RUNS: readonly Run[] = [
  { thread: "page", isolated: true, suites: [...POOL_SUITES, ...ENGINE_SUITES] },
  { thread: "worker", isolated: true, suites: PLACE_SUITES },
  { thread: "page", isolated: false, suites: PLACE_SUITES },
  { thread: "worker", isolated: false, suites: POOL_SUITES, places: "OPFS|IndexedDB" },
  { ...FALLBACK_RUN, suites: POOL_SUITES },
];

/** Runs the suites in the browser that `launch` starts, then declares each of their tests. */
export async function declareBrowserSuites(
  name: string,
  launch: Launch,
  runs: readonly Run[] = RUNS,
): Promise<void> {
  try {
    const files = await bundle([
      "test/harness/thread.ts",
      ...new Set(runs.flatMap(({ suites }) => suites)),
    ]);
    await using browser = await launch();
    for (const { thread, isolated, suites, places, withoutWasm } of runs) {
      const policy = withoutWasm ? ", without WebAssembly" : "";
      const title = `${name}, ${thread}, ${isolated ? "isolated" : "not isolated"}${policy}`;
      if (!new RegExp(process.env.BROWSER_PLACES ?? "").test(title)) continue;
      await using server = await startServer({
        files,
        isolated,
        ...(withoutWasm ? { csp: NO_WASM_POLICY } : {}),
      });
      declareResults(title, await runInBrowser(browser, server, thread, suites, places), files);
      if (!withoutWasm) continue;
      const loaded = server.requests.filter((path) => path.endsWith(".wasm"));
      test(`${title} loads nothing in WebAssembly`, () => {
        expect(loaded).toEqual([]);
      });
    }
  } catch (error) {
    test(`${name} runs the suites`, () => {
      throw error;
    });
  }
}
