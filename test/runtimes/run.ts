// Runs programs and suites in the processes of a runtime.

import { type ChildProcess, spawn } from "node:child_process";
import { createInterface } from "node:readline";
import type { TestEvent, TestResult } from "../harness/results.ts";
import type { Project } from "../helpers/project.ts";
import type { Runtime } from "./runtimes.ts";

/** A process that has not ended yet. */
export interface Running {
  readonly child: ChildProcess;
  /** The next line of its standard output; undefined at the end. */
  line(): Promise<string | undefined>;
  /** All it wrote that has not been read, once it has ended. */
  end(): Promise<{ output: string; errors: string; code: number | null }>;
}

/** Starts `program`, a path in the project. */
export function start(
  runtime: Runtime,
  project: Project,
  program: string,
  args: readonly string[] = [],
  options: readonly string[] = runtime.options(project.directory),
  variables: Readonly<Record<string, string>> = {},
): Running {
  const child = spawn(runtime.command, [...options, program, ...args], {
    cwd: project.directory,
    // Deno is asked for no variable, and Bun's and Node's colours are not wanted.
    env: { ...process.env, NO_COLOR: "1", TMPDIR: project.directory, ...variables },
    stdio: ["pipe", "pipe", "pipe"],
  });
  let errors = "";
  child.stderr?.on("data", (chunk) => {
    errors += chunk;
  });
  const ended = new Promise<number | null>((resolve) => child.once("close", resolve));
  if (child.stdout === null) throw new Error("BUG: there is no standard output");
  const lines = createInterface(child.stdout)[Symbol.asyncIterator]();
  const line = async () => (await lines.next()).value as string | undefined;
  return {
    child,
    line,
    async end() {
      let output = "";
      for (let next = await line(); next !== undefined; next = await line()) output += `${next}\n`;
      return { code: await ended, output, errors };
    },
  };
}

/** Runs `suites` in those places whose names match; the process's own failure is among the results. */
export async function runSuitesIn(
  runtime: Runtime,
  project: Project,
  suites: readonly string[],
  places: string,
): Promise<TestResult[]> {
  const options = [...runtime.options(project.directory)];
  // Vitest itself looks at the environment, and the suites look for the place of temporary files.
  if (options[0] === "run") options.push("--allow-env");
  const running = start(runtime, project, "test/runtimes/entry.js", suites, options, {
    PLACES: places,
  });
  const results: TestResult[] = [];
  let last: TestEvent | undefined;
  for (let line = await running.line(); line !== undefined; line = await running.line()) {
    if (!line.startsWith('{"type":')) continue;
    last = JSON.parse(line) as TestEvent;
    if (last.type === "end") results.push(last.result);
    if (last.type === "failed") results.push(failure(last.error));
    if (last.type === "done" || last.type === "failed") running.child.kill("SIGKILL");
  }
  const { errors, code } = await running.end();
  if (last?.type !== "done" && last?.type !== "failed") {
    const message = `ended with ${code}; last came ${JSON.stringify(last)}\n${errors}`;
    results.push(failure({ name: "Error", message, stack: "" }));
  }
  return results;
}

function failure(error: TestResult["errors"][number]): TestResult {
  return { suites: [], name: "the run itself", state: "fail", durationMs: 0, errors: [error] };
}
