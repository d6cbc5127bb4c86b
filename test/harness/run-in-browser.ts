// Runs suites in a thread of a browser and collects what they tell over HTTP.

import { appendFileSync } from "node:fs";
import type { Browser } from "./browsers/browser.ts";
import type { TestError, TestEvent, TestResult } from "./results.ts";
import type { TestServer } from "./server.ts";

export type Thread = "page" | "worker";

/** A place that has said nothing for this long hangs: a test and its hooks have a minute each. */
const SILENCE_MS = 150_000;
let runs = 0;

/** The results of `suites`, the place's own failure among them: every run ends with at least one result. */
export async function runInBrowser(
  browser: Browser,
  server: TestServer,
  thread: Thread,
  suites: readonly string[],
  places = "",
): Promise<TestResult[]> {
  const { BROWSER_TESTS, BROWSER_LOG } = process.env;
  const run = String(++runs);
  const results: TestResult[] = [];
  let last = "nothing";
  let end = () => {};
  const ended = new Promise<void>((resolve) => {
    end = resolve;
  });
  const note = (error: TestError) => {
    const name = "the run itself";
    results.push({ suites: [], name, state: "fail", durationMs: 0, errors: [error] });
  };
  const fail = (error: TestError) => {
    note(error);
    end();
  };
  const hangs = () =>
    fail({
      name: "Error",
      message: `no word for ${SILENCE_MS} ms; last came: ${last}; console: ${tab?.console.join("\n")}`,
      stack: "",
    });
  let timer = setTimeout(hangs, SILENCE_MS);
  const stopListening = server.onReport(run, (body) => {
    clearTimeout(timer);
    timer = setTimeout(hangs, SILENCE_MS);
    const event = JSON.parse(body) as TestEvent;
    last = body;
    if (BROWSER_LOG) appendFileSync(BROWSER_LOG, `${new Date().toISOString()} ${body}\n`);
    switch (event.type) {
      case "begin":
        return;
      case "end":
        results.push(event.result);
        return;
      case "done":
        end();
        return;
      case "unhandled":
        note(event.error);
        return;
      case "failed":
        fail(event.error);
        return;
      default:
        return event satisfies never;
    }
  });
  const query = new URLSearchParams(suites.map((suite) => ["suite", suite]));
  query.set("run", run);
  query.set("places", places);
  if (BROWSER_TESTS) query.set("only", BROWSER_TESTS);
  const tab = await browser.open(`${server.origin}/${thread}?${query}`);
  await ended;
  clearTimeout(timer);
  stopListening();
  await tab.close();
  return results;
}
