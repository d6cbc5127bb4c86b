// The entry of a process that runs suites: they are its arguments, and it tells of them line by line.

import { writeSync } from "node:fs";
import type { TestEvent } from "../harness/results.ts";
import { runSuites, toTestError } from "../harness/run-suites.ts";

async function tell(event: TestEvent): Promise<void> {
  const line = new TextEncoder().encode(`\n${JSON.stringify(event)}\n`);
  for (let at = 0; at < line.length; at += writeSync(1, line, at));
}

// An idle pool does not keep the process alive, and neither do timers that a test has faked.
const alive = setInterval(() => {}, 1_000_000);
process.on("unhandledRejection", (reason) => {
  void tell({ type: "failed", error: toTestError(reason) });
});

const load = (file: string) =>
  import(new URL(`../../${file.replace(/\.ts$/, ".js")}`, import.meta.url).href);
await runSuites(process.argv.slice(2), load, tell);
clearInterval(alive);
