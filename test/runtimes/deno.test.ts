import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { declareRuntime, told } from "./declare.ts";
import { deno } from "./runtimes.ts";

// Everything runs with `--allow-read` and `--allow-write` of one directory, and no other permission.
const project = await declareRuntime(deno);

describe("Deno's permissions", () => {
  const database = (name: string) => {
    mkdirSync(join(project.directory, name));
    return join(project.directory, name, "app.db");
  };
  const use = (path: string, options: readonly string[], program = "use") =>
    told(deno, project, [program, path], ["run", "--no-prompt", ...options]);

  test("those for the database's folder suffice", async () => {
    const path = database("sufficient");
    const folder = join(path, "..");
    const options = [`--allow-read=${folder}`, `--allow-write=${folder}`];
    expect(await use(path, options)).toMatchObject({ rows: 1, verdict: "ok" });
  });

  test("one to read suffices for reading", async () => {
    const path = database("reading");
    const folder = join(path, "..");
    await use(path, [`--allow-read=${folder}`, `--allow-write=${folder}`]);
    expect(await use(path, [`--allow-read=${folder}`], "read")).toEqual({ rows: 1 });
  });

  test("one that was denied is a StorageError that names the flag", async () => {
    const path = database("denied");
    const folder = join(path, "..");
    const denied = { name: "StorageError", code: "STORAGE_PERMISSION", reason: "permission" };
    for (const options of [[], [`--allow-read=${folder}`], [`--allow-write=${folder}`]]) {
      const answer = await use(path, options);
      expect(answer).toMatchObject(denied);
      const flags = `--allow-read=${folder} --allow-write=${folder}`;
      expect(answer).toHaveProperty("message", expect.stringContaining(flags));
    }
  });

  test("none is needed for a database in memory", async () => {
    expect(await use(":memory:", [])).toMatchObject({ rows: 1 });
  });
});
