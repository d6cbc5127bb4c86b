// Every runtime beside browsers, as a command.

import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";

/** A runtime that is installed. */
export interface Runtime {
  readonly name: string;
  readonly command: string;
  /** What comes before the program; `directory` is all that it needs to read and write. */
  options(directory: string): readonly string[];
}

const bin = (path: string) => fileURLToPath(new URL(path, import.meta.url));

/** With permissions for one directory, and for no questions. */
export const deno: Runtime = {
  name: "Deno",
  command: bin("../../node_modules/.bin/deno"),
  options: (directory) => [
    "run",
    "--no-prompt",
    `--allow-read=${directory}`,
    `--allow-write=${directory}`,
  ],
};

export const bun: Runtime = {
  name: "Bun",
  command: bin("../../node_modules/.bin/bun"),
  options: () => [],
};

/** A version of Node, from `nodes/package.json`. @throws saying how to install it */
export function node(version: 20 | 22 | 24 | 26): Runtime {
  const binary = `nodes/node_modules/node${version}-${process.platform}-${process.arch}/bin/node`;
  const command = bin(binary);
  if (!existsSync(command))
    throw new Error(`${binary} is missing: npm ci --prefix test/runtimes/nodes`);
  return { name: `Node ${version}`, command, options: () => [] };
}
