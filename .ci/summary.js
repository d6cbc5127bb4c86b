// Prints "N passed, N failed" from the reports of all test commands: `<command>.json` and, with its exit
// code, `<command>.exit`. One that failed elsewhere (lint, types, build, a crash) counts as one failure
// more.

import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";

const [directory = ""] = process.argv.slice(2);
let passed = 0;
let failed = 0;
for (const file of readdirSync(directory).filter((name) => name.endsWith(".exit"))) {
  const report = readReport(join(directory, file.replace(/\.exit$/, ".json")));
  const ended = readFileSync(join(directory, file), "utf8").trim() === "0";
  passed += report.passed;
  failed += !ended && report.failed === 0 ? 1 : report.failed;
}
console.log(`${passed} passed, ${failed} failed`);
process.exitCode = failed === 0 && passed > 0 ? 0 : 1;

/** @param {string} path */
function readReport(path) {
  try {
    const report = JSON.parse(readFileSync(path, "utf8"));
    return { passed: report.numPassedTests, failed: report.numFailedTests };
  } catch {
    return { passed: 0, failed: 0 };
  }
}
