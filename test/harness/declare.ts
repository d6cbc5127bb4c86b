// Declares the results of another place as tests here, so that they are counted and reported with all the
// others: each fails with the error, and at the place in the source, that it failed with there.

import { SourceMap } from "node:module";
import { fileURLToPath } from "node:url";
import { describe, expect, test } from "vitest";
import { type Bundle, bundle } from "./bundle.ts";
import type { TestError, TestResult } from "./results.ts";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));

/** Declares `results` under `title`. The stacks of what failed are those of the bundle of `sources`, if there is one. */
export async function declareResults(
  title: string,
  results: readonly TestResult[],
  sources?: readonly string[],
): Promise<void> {
  const hasFailed = results.some(({ state }) => state === "fail");
  const maps = hasFailed && sources ? await bundle(sources, { maps: true }) : undefined;
  describe(title, () => {
    test("has run its suites", () => {
      expect(results.some(({ state }) => state === "pass")).toBe(true);
    });
    for (const { suites, name, state, errors } of results) {
      test.skipIf(state === "skip")([...suites, name].join(" > "), () => {
        const [first] = errors;
        if (first) throw rebuild(first, maps);
        expect(state).toBe("pass");
      });
    }
  });
}

function rebuild({ name, message, stack, diff }: TestError, maps: Bundle | undefined): Error {
  const error = new Error(diff ? `${message}\n${diff}` : message);
  error.name = name;
  error.stack = maps === undefined ? stack : `${name}: ${message}\n${toSource(stack, maps)}`;
  return error;
}

/** The frames of `stack`, whichever engine wrote it, by the sources the bundle was made of. */
function toSource(stack: string, maps: Bundle): string {
  const frames = stack.split("\n").flatMap((line) => {
    const match =
      /^(?:\s*at )?(?:async )?(.*?)[@( ]*https?:\/\/[^/]+(\/[^?:]+)[^:]*:(\d+):(\d+)/.exec(line);
    if (!match) return [];
    const [, name = "", file = "", row, column] = match;
    const map = maps.get(`${file}.map`);
    if (map === undefined) return [`    at ${name} (${file}:${row}:${column})`];
    const entry = new SourceMap(JSON.parse(String(map))).findEntry(
      Number(row) - 1,
      Number(column) - 1,
    );
    if (!("originalSource" in entry)) return [];
    const source = entry.originalSource.replace(/^(\.\.\/)+/, ROOT);
    return [`    at ${name} (${source}:${entry.originalLine + 1}:${entry.originalColumn + 1})`];
  });
  return frames.join("\n");
}
