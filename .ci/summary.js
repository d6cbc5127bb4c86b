// Prints "N passed, N failed" from the test run's report; a run that failed elsewhere (lint, types,
// build, a crash) counts as one failure more.

import { readFileSync } from "node:fs";

const [file = "", exitCode = "1"] = process.argv.slice(2);
const { passed, failed } = readReport(file);
const elsewhere = exitCode !== "0" && failed === 0 ? 1 : 0;
console.log(`${passed} passed, ${failed + elsewhere} failed`);
process.exitCode = exitCode === "0" ? 0 : 1;

/** @param {string} path */
function readReport(path) {
  try {
    const report = JSON.parse(readFileSync(path, "utf8"));
    return { passed: report.numPassedTests, failed: report.numFailedTests };
  } catch {
    return { passed: 0, failed: 0 };
  }
}
