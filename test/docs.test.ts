// The code in the documentation: every block is type-checked and run.
//
// A block that opens no pool gets one, over an empty file. What else it presupposes is in a comment of
// the page, which readers do not see: `<!-- before: code -->`.

import { execFileSync } from "node:child_process";
import { readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { transform } from "esbuild";
import { afterAll, describe, expect, test } from "vitest";
import { makeProject } from "./helpers/project.ts";

const ROOT = fileURLToPath(new URL("..", import.meta.url));
const PAGES = [
  "README.md",
  ...readdirSync(join(ROOT, "docs"))
    .filter((name) => name.endsWith(".md"))
    .map((name) => `docs/${name}`),
];

const BLOCK = /(?:<!-- before: (.*?) -->\n)?```(\w+)\n(.*?)```/gs;

const blocks = PAGES.flatMap((page) => {
  const text = readFileSync(join(ROOT, page), "utf8");
  return [...text.matchAll(BLOCK)].map(
    ({ 1: before = "", 2: language = "", 3: code = "", index }) => ({
      place: `${page}:${text.slice(0, index).split("\n").length}`,
      language,
      program: /\bimport\b/.test(code)
        ? code
        : `import { openPool } from "sqlite-wasm-pool";
         const pool = await openPool("docs.db");
         ${before}
         ${code}
         await pool.close();`,
    }),
  );
});

describe("code in the documentation", () => {
  const project = makeProject();
  afterAll(() => project[Symbol.dispose]());

  test.each(blocks.filter(({ language }) => language === "ts" || language === "js"))(
    "$place",
    async ({ program }) => {
      for (const name of readdirSync(project.directory)) {
        if (name.includes(".db")) rmSync(join(project.directory, name));
      }
      const run = (...args: string[]) =>
        execFileSync(process.execPath, args, {
          cwd: project.directory,
          encoding: "utf8",
          stdio: "pipe",
        });
      writeFileSync(join(project.directory, "block.ts"), program);
      const checked = run(
        join(ROOT, "node_modules/typescript/bin/tsc"),
        ...["--noEmit", "--strict", "--target", "es2022", "--module", "nodenext"],
        ...["--lib", "esnext,dom", "--typeRoots", join(ROOT, "node_modules/@types")],
        "block.ts",
      );
      expect(checked).toBe("");
      const { code } = await transform(program, { loader: "ts", target: "node20" });
      writeFileSync(join(project.directory, "block.mjs"), code);
      run("block.mjs");
    },
    120_000,
  );
});

test("every language of a block is one that is checked, or a shell's", () => {
  const languages = new Set(blocks.map(({ language }) => language));
  expect([...languages].filter((one) => !["ts", "js", "sh"].includes(one))).toEqual([]);
});
