// The entry of a test page and of a test worker: the same module in either thread. The page's query or
// the worker's name says which run it is.

import type { TestEvent } from "./results.ts";
import { runParameters } from "./run-parameters.ts";
import { runSuites, toTestError } from "./run-suites.ts";

const parameters = runParameters();
const report = `${location.origin}/report/${parameters.get("run")}`;

async function tell(event: TestEvent): Promise<void> {
  await fetch(report, { method: "POST", body: JSON.stringify(event) });
}

addEventListener("unhandledrejection", (event) => {
  void tell({ type: "unhandled", error: toTestError(event.reason) });
});
addEventListener("error", (event) => {
  void tell({ type: "unhandled", error: toTestError(event.error ?? event.message) });
});

void runSuites(
  parameters.getAll("suite"),
  (file) => import(/* @vite-ignore */ `/${file.replace(/\.ts$/, ".js")}`),
  tell,
  { only: parameters.get("only") ?? undefined },
);
