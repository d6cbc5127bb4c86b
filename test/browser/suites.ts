// The behaviour suites in a browser: in the page's main thread and in a worker, with shared memory
// (cross-origin isolation) and without.

import { expect, test } from "vitest";
import type { Launch } from "../harness/browsers/browser.ts";
import { bundle } from "../harness/bundle.ts";
import { declareResults } from "../harness/declare.ts";
import { byMatrix, inWholeMatrix } from "../harness/matrix.ts";
import { runInBrowser, type Thread } from "../harness/run-in-browser.ts";
import { NO_WASM_POLICY, startServer } from "../harness/server.ts";
import { ENGINE_SUITES, PLACE_SUITES, POOL_SUITES } from "../harness/suites.ts";

/** Suites in one thread of a browser. */
export interface Run {
  readonly thread: Thread;
  readonly isolated: boolean;
  readonly suites: readonly string[];
  /** Only the places whose name matches. */
  readonly places?: string;
  /** Under a policy that forbids WebAssembly: on sql.js, compiled to JavaScript. */
  readonly withoutWasm?: boolean;
}

/** What is stored, as SQLite in the caller's own thread stores it. */
const STORED_IN_THE_THREAD = "(OPFS|IndexedDB), the calling thread";

/** SQLite in a worker of the page's own. */
export const WORKER_RUN: Run = {
  thread: "worker",
  isolated: false,
  suites: PLACE_SUITES,
  places: byMatrix("OPFS, the calling thread", STORED_IN_THE_THREAD),
};

/** Where it all falls back: IndexedDB, and no WebAssembly. What runs is the same program in every browser. */
export const FALLBACK_RUN: Run = {
  thread: "page",
  isolated: false,
  suites: PLACE_SUITES,
  places: "^IndexedDB, one worker$",
  withoutWasm: true,
};

/** A page sees all suites; without isolation, and in a worker, those that depend on the place. */
const RUNS: readonly Run[] = [
  {
    thread: "page",
    isolated: true,
    suites: [...POOL_SUITES, ...ENGINE_SUITES],
    places: "OPFS, two workers|memory, the calling thread",
  },
  {
    thread: "page",
    isolated: false,
    suites: byMatrix(PLACE_SUITES, POOL_SUITES),
    places: "OPFS",
  },
  WORKER_RUN,
  ...inWholeMatrix<Run>([
    { thread: "page", isolated: true, suites: PLACE_SUITES, places: "IndexedDB" },
    { thread: "worker", isolated: true, suites: PLACE_SUITES, places: STORED_IN_THE_THREAD },
    {
      thread: "page",
      isolated: false,
      suites: PLACE_SUITES,
      places: "IndexedDB, (one worker|the calling thread)",
    },
    FALLBACK_RUN,
  ]),
];

/** Runs the suites in the browser that `launch` starts, then declares each of their tests. */
export async function declareBrowserSuites(
  name: string,
  launch: Launch,
  runs: readonly Run[] = RUNS,
): Promise<void> {
  try {
    const sources = ["test/harness/thread.ts", ...new Set(runs.flatMap(({ suites }) => suites))];
    const files = await bundle(sources);
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
      const results = await runInBrowser(browser, server, thread, suites, places);
      await declareResults(title, results, sources);
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
