// What every runtime has to do: the behaviour suites, and what only whole processes show.

import { once } from "node:events";
import { join } from "node:path";
import { afterAll, describe, expect, test } from "vitest";
import { declareResults } from "../harness/declare.ts";
import { byMatrix } from "../harness/matrix.ts";
import type { TestResult } from "../harness/results.ts";
import { LEAST_SUITES, PLACE_SUITES, POOL_SUITES } from "../harness/suites.ts";
import { bundleInto, makeProject, type Project } from "../helpers/project.ts";
import { runSuitesIn, start } from "./run.ts";
import type { Runtime } from "./runtimes.ts";

/** Suites, and a pattern of the names of the places they run in. */
type Extent = readonly (readonly [suites: readonly string[], places: string])[];

const USUAL = byMatrix<Extent>(
  [
    [POOL_SUITES, "memory, the calling thread"],
    [PLACE_SUITES, "a file, t"],
  ],
  [
    [POOL_SUITES, "a file, t"],
    [PLACE_SUITES, "memory, |a file, sql.js"],
  ],
);

/** Between the oldest version and the newest of a runtime. */
export const BETWEEN = byMatrix<Extent>(
  [[LEAST_SUITES, "a file, two worker threads"]],
  [
    [POOL_SUITES, "a file, two worker threads"],
    [PLACE_SUITES, "a file, the calling thread"],
  ],
);

/** Runs the behaviour suites in `runtime`; declares each of their tests, and those of processes. */
export async function declareRuntime(runtime: Runtime, extent: Extent = USUAL): Promise<Project> {
  const project = makeProject();
  afterAll(() => project[Symbol.dispose]());
  await bundleInto(project, ["test/runtimes/entry.ts", ...POOL_SUITES]);
  const results: TestResult[] = [];
  for (const [suites, places] of extent) {
    results.push(...(await runSuitesIn(runtime, project, suites, places)));
  }
  await declareResults(runtime.name, results);
  describe(`${runtime.name}, processes`, () => declareProcesses(runtime, project));
  return project;
}

/** Runs one of `programs.js` to its end and returns what it said. */
export async function told(
  runtime: Runtime,
  project: Project,
  [program, path]: readonly [program: string, path: string],
  options?: readonly string[],
): Promise<unknown> {
  const running = start(runtime, project, "programs.js", [program, path], options);
  const { output, errors, code } = await running.end();
  if (code !== 0 || errors !== "") throw new Error(`ended with ${code}: ${output}${errors}`);
  return JSON.parse(output);
}

function declareProcesses(runtime: Runtime, project: Project): void {
  const path = (name: string) => join(project.directory, name);
  const tell = (program: string, name: string) => told(runtime, project, [program, path(name)]);

  test("a file is written, closed, and found again by another process", async () => {
    const found = { verdict: "ok", parallelReads: true };
    expect(await tell("use", "a.db")).toEqual({ rows: 1, ...found });
    expect(await tell("use", "a.db")).toEqual({ rows: 2, ...found });
    expect(await tell("read", "a.db")).toEqual({ rows: 2 });
  });

  test("a pool that nobody uses does not keep the process from ending", async () => {
    expect(await tell("idle", "b.db")).toBe(1);
  });

  test("a second process is refused and told who has the file; a killed one's lock is taken over", async () => {
    await using holder = hold(start(runtime, project, "programs.js", ["hold", path("c.db")]));
    expect(await holder.line()).toBe('"open"');
    const refused = { name: "StorageError", code: "STORAGE_LOCKED", reason: "locked" };
    for (const program of ["use", "read"]) {
      const answer = await tell(program, "c.db");
      expect(answer).toMatchObject(refused);
      expect(answer).toHaveProperty("message", expect.stringContaining(`${holder.child.pid}`));
    }
    await holder.kill();
    expect(await tell("use", "c.db")).toMatchObject({ rows: 1, verdict: "ok" });
  });

  test("every commit that was acknowledged is there after the process was killed", async () => {
    await using writer = hold(start(runtime, project, "programs.js", ["write", path("d.db")]));
    let acknowledged = 0;
    while (acknowledged < 100) acknowledged = Number(await writer.line());
    await writer.kill();
    const { output } = await writer.end();
    acknowledged = Math.max(acknowledged, ...output.trim().split("\n").map(Number));
    const found = (await tell("use", "d.db")) as { rows: number; verdict: string };
    expect(found.verdict).toBe("ok");
    // One more than it could tell of may have been committed, and one is this program's own.
    expect(found.rows - acknowledged - 1).toBeOneOf([0, 1]);
  });

  test("a thread that is ended gives the file back, and only then", async () => {
    expect(await tell("thread", "e.db")).toMatchObject({
      refused: "STORAGE_LOCKED",
      found: { rows: 1, verdict: "ok" },
    });
  });

  test("closing ends a statement that would never end, and what it had written is gone", async () => {
    expect(await tell("runaway", "f.db")).toMatchObject({
      error: "SQLITE_INTERRUPT",
      after: { rows: 1, verdict: "ok" },
    });
  });
}

/** A process that is killed at the end of its scope. */
function hold(running: ReturnType<typeof start>) {
  const { child } = running;
  const kill = async () => {
    if (child.exitCode !== null || child.signalCode !== null) return;
    const exited = once(child, "exit");
    child.kill("SIGKILL");
    await exited;
  };
  return { ...running, kill, [Symbol.asyncDispose]: kill };
}
