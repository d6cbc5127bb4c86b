// A project of a user: the package as it is published, in a `node_modules` of its own.

import { execFileSync } from "node:child_process";
import { cpSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { pack } from "./pack.ts";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));

/** Packs the library and unpacks it in `directory`, with its dependencies and the `files` given. */
export function makePackedProject(
  directory: string,
  files: Readonly<Record<string, string>>,
): void {
  const library = join(directory, "node_modules/sqlite-wasm-pool");
  mkdirSync(library, { recursive: true });
  execFileSync("tar", ["-xzf", pack(directory), "--strip-components=1", "-C", library]);
  for (const dependency of dependenciesOf(library)) {
    const target = join(directory, "node_modules", dependency);
    mkdirSync(dirname(target), { recursive: true });
    cpSync(join(ROOT, "node_modules", dependency), target, { recursive: true });
  }
  for (const [name, text] of Object.entries({ "package.json": '{ "type": "module" }', ...files })) {
    mkdirSync(dirname(join(directory, name)), { recursive: true });
    writeFileSync(join(directory, name), text);
  }
}

function dependenciesOf(library: string): string[] {
  const text = readFileSync(join(library, "package.json"), "utf8");
  return Object.keys((JSON.parse(text) as { dependencies?: object }).dependencies ?? {});
}
