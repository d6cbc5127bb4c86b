// Runs test suites in the thread it is called in, whatever that thread belongs to. The suites are written
// against `vitest` and run in Vitest's own runner; only who starts it and who hears of it differ.

import "./vitest-state.ts";
import { type File, startTests, type Task, type Test, type VitestRunner } from "@vitest/runner";
import { setSafeTimers } from "vitest/internal/browser";
import type { TestError, TestEvent, TestResult } from "./results.ts";

export interface RunOptions {
  /** Runs only the tests whose full name matches. */
  readonly only?: string | undefined;
  readonly timeoutMs?: number;
}

/** Runs the suites in `files` one after the other and tells of every test as it begins and ends. */
export async function runSuites(
  files: readonly string[],
  load: (file: string) => Promise<unknown>,
  tell: (event: TestEvent) => Promise<void>,
  { only, timeoutMs = 60_000 }: RunOptions = {},
): Promise<void> {
  // The runner's own waits go on while a test has faked the timers.
  setSafeTimers();
  const runner: VitestRunner = {
    config: {
      root: "",
      setupFiles: [],
      name: undefined,
      passWithNoTests: true,
      testNamePattern: only ? new RegExp(only) : undefined,
      allowOnly: false,
      sequence: { seed: 1, hooks: "stack", setupFiles: "list" },
      chaiConfig: undefined,
      maxConcurrency: 1,
      testTimeout: timeoutMs,
      hookTimeout: timeoutMs,
      retry: 0,
      includeTaskLocation: false,
      tags: [],
      tagsFilter: undefined,
      strictTags: false,
    },
    importFile: load,
    onBeforeRunTask: (test) => tell({ type: "begin", suites: suitesOf(test), name: test.name }),
    onAfterRunTask: (test) => tell({ type: "end", result: resultOf(test) }),
  };
  try {
    const suites = await startTests([...files], runner);
    for (const result of suites.flatMap(suiteFailures)) await tell({ type: "end", result });
    await tell({ type: "done" });
  } catch (error) {
    await tell({ type: "failed", error: toTestError(error) });
  }
}

function resultOf(test: Test): TestResult {
  const { state, duration = 0, errors = [] } = test.result ?? {};
  return {
    suites: suitesOf(test),
    name: test.name,
    state: state === "pass" || state === "fail" ? state : "skip",
    durationMs: duration,
    errors: errors.map(toTestError),
  };
}

/** The failures of what is around the tests: a file that does not load, a hook that throws. */
function suiteFailures(task: Task | File): TestResult[] {
  if (task.type !== "suite") return [];
  const inner = task.tasks.flatMap(suiteFailures);
  const errors = task.result?.errors ?? [];
  if (errors.length === 0) return inner;
  return [
    {
      suites: suitesOf(task),
      name: "(the suite itself)",
      state: "fail",
      durationMs: 0,
      errors: errors.map(toTestError),
    },
    ...inner,
  ];
}

function suitesOf(task: Task): string[] {
  const names: string[] = [];
  const first = task.type === "suite" ? task : task.suite;
  for (let suite = first; suite; suite = suite.suite) names.unshift(suite.name);
  if (names[0] !== task.file.name) names.unshift(task.file.name);
  return names;
}

/** `thrown`, fit to travel. */
export function toTestError(thrown: unknown): TestError {
  const {
    name = "Error",
    message = String(thrown),
    stack = "",
    diff,
    cause,
  } = (typeof thrown === "object" && thrown !== null ? thrown : {}) as Partial<
    TestError & { cause: unknown }
  >;
  const because = cause === undefined ? "" : `\ncaused by ${toTestError(cause).message}`;
  return { name, message: message + because, stack, ...(diff === undefined ? {} : { diff }) };
}
