// What tools make of the package: types, registries, sizes, environments that look like browsers.

import { execFileSync } from "node:child_process";
import { copyFileSync, readFileSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, describe, expect, test } from "vitest";
import { pack } from "./helpers/pack.ts";
import { makeProject } from "./helpers/project.ts";

const ROOT = fileURLToPath(new URL("..", import.meta.url));
const bin = (name: string) => join(ROOT, "node_modules/.bin", name);

/** Runs a program; what it wrote is in the error where it fails. */
function run(command: string, args: readonly string[], cwd = ROOT): string {
  const env = { ...process.env, NO_COLOR: "1" };
  try {
    return execFileSync(command, args, { cwd, env, encoding: "utf8", stdio: "pipe" });
  } catch (thrown) {
    const { stdout, stderr } = thrown as { stdout: string; stderr: string };
    throw new Error(`${command} ${args.join(" ")}\n${stdout}\n${stderr}`);
  }
}

const readJson = (name: string) => JSON.parse(readFileSync(join(ROOT, name), "utf8"));

test("JSR would take it: explicit types, and the same entries, version and dependency", () => {
  run(bin("deno"), ["publish", "--dry-run", "--allow-dirty"]);
  const [npm, jsr] = [readJson("package.json"), readJson("deno.json")];
  expect(jsr.version).toBe(npm.version);
  const modules = Object.keys(npm.exports).filter((entry) => npm.exports[entry].types);
  expect(Object.keys(jsr.exports)).toEqual(modules);
  const [name, version] =
    Object.entries(npm.dependencies).find(([name]) => name.startsWith("@sqlite.org/")) ?? [];
  expect(jsr.imports["#sqlite-wasm"]).toBe(`npm:${name}@${version}`);
});

test("what an import loads, and the whole, stay small", () => {
  const sizes = JSON.parse(run(bin("size-limit"), ["--json"]));
  expect(sizes.filter(({ passed }: { passed: boolean }) => !passed)).toEqual([]);
});

describe("in a project that has it installed", () => {
  const project = makeProject();
  afterAll(() => project[Symbol.dispose]());

  test("the types are right for every way to resolve them", () => {
    run(bin("attw"), [pack(project.directory)]);
  });

  test.each([
    ["bundler", "esnext"],
    ["node16", "node16"],
    ["nodenext", "nodenext"],
  ])("TypeScript finds its types with moduleResolution %s", (moduleResolution, module) => {
    check(
      `${moduleResolution}.ts`,
      `import { openPool, SqliteError, type ConnectionPool, type PoolOptions } from "sqlite-wasm-pool";
       const options: PoolOptions = { maxConnections: 2 };
       const pool: ConnectionPool = await openPool(":memory:", options);
       const rows: { a: number }[] = await pool.query<{ a: number }>("SELECT 1 AS a");
       // @ts-expect-error: there is no such option
       await openPool(":memory:", { connections: 2 });
       export default [rows, SqliteError];`,
      ["--module", module, "--moduleResolution", moduleResolution],
    );
  });

  test("the types say what there is, and nothing else", () => {
    check(
      "types.ts",
      `import type { CheckedPool, ConnectionPool, PragmaValue, SqlValue } from "sqlite-wasm-pool";
       declare const pool: ConnectionPool;
       const checked: CheckedPool = pool;
       const pragma: PragmaValue = "normal";
       pool.on("leak", ({ heldMs }) => heldMs.toFixed());
       // @ts-expect-error: there is no such event
       pool.on("tpyo", () => {});
       // What comes out of a database is no boolean.
       const value: SqlValue | undefined = await pool.queryValue("SELECT 1");
       const same: typeof value = await pool.withConnection((db) => db.queryValue("SELECT 1"));
       export default [checked, pragma, same];`,
      ["--module", "nodenext"],
    );
  });

  test("the declarations themselves compile with an older lib", () => {
    check(
      "lib.ts",
      `import { openPool } from "sqlite-wasm-pool";
       import { crashThread } from "sqlite-wasm-pool/testing";
       export default [openPool, crashThread];`,
      ["--module", "nodenext"],
      "es2022,dom",
    );
  });

  const compiler = join(ROOT, "node_modules/typescript/bin/tsc");
  const require = createRequire(import.meta.url);
  /** The tool that checks how types resolve has a compiler of its own, of an older version. */
  const attw = createRequire(require.resolve("@arethetypeswrong/cli/package.json"));
  const older = createRequire(attw.resolve("@arethetypeswrong/core")).resolve("typescript/bin/tsc");
  const node = ["--typeRoots", join(ROOT, "node_modules/@types"), "--types", "node"];

  test.each([
    ["in a browser", compiler, "esnext,dom", []],
    ["in a browser, by an older compiler", older, "es2022,dom", []],
    ["in Node, without the DOM", compiler, "es2022", node],
    ["in Node, without the DOM, by an older compiler", older, "es2022", node],
  ])("the types take what they should, and nothing else, %s", (_, tsc, lib, types) => {
    const file = join(project.directory, "consumer.ts");
    copyFileSync(join(ROOT, "test/types/consumer.ts"), file);
    const strictly = ["--exactOptionalPropertyTypes", "--noUncheckedIndexedAccess"];
    const options = ["--module", "nodenext", ...types, ...strictly];
    compile(file, options, lib, tsc);
  });

  /** Compiles a program, and the package's declarations with it. */
  function check(name: string, program: string, options: readonly string[], lib = "esnext,dom") {
    const file = join(project.directory, name);
    writeFileSync(file, program);
    compile(file, options, lib);
  }

  function compile(file: string, options: readonly string[], lib: string, tsc = compiler) {
    const strictly = ["--noEmit", "--strict", "--target", "es2022", "--skipLibCheck", "false"];
    run(process.execPath, [tsc, ...strictly, "--lib", lib, ...options, file], project.directory);
  }

  test("an import in Node defines no global, and loads nothing that Node does not need", () => {
    writeFileSync(
      join(project.directory, "loader.mjs"),
      `export async function load(url, context, next) {
         process._rawDebug("loaded " + url);
         return next(url, context);
       }`,
    );
    writeFileSync(
      join(project.directory, "import.mjs"),
      `const before = Reflect.ownKeys(globalThis);
       const { openPool } = await import("sqlite-wasm-pool");
       const after = Reflect.ownKeys(globalThis).filter((name) => !before.includes(name));
       console.log(JSON.stringify(after.map(String)));
       const pool = await openPool(":memory:", { threads: 1 });
       await pool.close();`,
    );
    const loaded = run(
      "sh",
      ["-c", `"${process.execPath}" --no-warnings --loader ./loader.mjs import.mjs 2>&1`],
      project.directory,
    );
    expect(loaded.split("\n").find((line) => line.startsWith("["))).toBe("[]");
    expect(loaded).toContain("dist/runtime/node.js");
    const needless = /[/.-](web|tabs|opfs|indexeddb|idb-keyval|sql-js|inline)|node_modules.sql\.js/;
    expect(loaded.split("\n").filter((line) => needless.test(line))).toEqual([]);
  });

  test.each([
    [
      "jsdom",
      `const { JSDOM } = await import("${ROOT}node_modules/jsdom/lib/api.js");
       const { window } = new JSDOM("", { url: "http://localhost/" });`,
    ],
    [
      "happy-dom",
      `const { Window } = await import("${ROOT}node_modules/happy-dom/lib/index.js");
       const window = new Window({ url: "http://localhost/" });`,
    ],
  ])("the globals of %s do not make it take Node for a browser", (name, makeWindow) => {
    const program = join(project.directory, `${name}.mjs`);
    writeFileSync(
      program,
      `${makeWindow}
       for (const key of ["window", "document", "navigator", "location", "self", "localStorage"]) {
         const value = key === "window" || key === "self" ? window : window[key];
         Object.defineProperty(globalThis, key, { value, configurable: true, writable: true });
       }
       const { openPool } = await import("sqlite-wasm-pool");
       const pool = await openPool("${name}.db");
       await pool.execute("CREATE TABLE t (a)");
       console.log(pool.stats().storage, await pool.queryValue("SELECT count(*) FROM t"));
       await pool.close();
       process.exit();`,
    );
    expect(run(process.execPath, [program], project.directory)).toBe("file 0\n");
  });

  test("node:test needs no set-up", () => {
    const program = join(project.directory, "with-node-test.mjs");
    writeFileSync(
      program,
      `import assert from "node:assert/strict";
       import test from "node:test";
       import { openPool } from "sqlite-wasm-pool";
       test("a pool in a test", async () => {
         const pool = await openPool(":memory:", { threads: 1 });
         assert.equal(await pool.queryValue("SELECT 41 + 1"), 42);
         await pool.close();
       });`,
    );
    expect(run(process.execPath, ["--test", program], project.directory)).toMatch(/pass 1/);
  });
});
