import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll } from "vitest";
import type { Kind } from "./place.ts";

export { openJudge } from "./native-judge.ts";

const ALL_KINDS: readonly Kind[] = [
  { name: "a file, two worker threads", storage: "file", options: { threads: 2 } },
  { name: "a file, the calling thread", storage: "file", options: { threads: 0 } },
  {
    name: "memory, two worker threads",
    storage: "memory",
    options: { threads: 2 },
    isVariant: true,
  },
  { name: "memory, the calling thread", storage: "memory", options: { threads: 0 } },
  {
    name: "a file, sql.js in a thread",
    storage: "file",
    options: { engine: "sql.js", threads: 2 },
    isVariant: true,
  },
  {
    name: "memory, sql.js without WebAssembly",
    storage: "memory",
    options: { threads: 0 },
    withoutWebAssembly: true,
  },
];

/** `PLACES` asks for those whose names match. */
const asked = new RegExp(process.env.PLACES ?? "");

export const KINDS = ALL_KINDS.filter(({ name }) => asked.test(name));

/** A database that nobody else has. */
export function temporaryName(): string {
  return join(tmpdir(), `sqlite-wasm-pool-${crypto.randomUUID()}.db`);
}

/** Makes a directory that is deleted after the tests, and returns the paths in it. */
export function useDirectory(): (name: string) => string {
  const directory = mkdtempSync(join(tmpdir(), "sqlite-wasm-pool-"));
  afterAll(() => rmSync(directory, { recursive: true, force: true }));
  return (name) => join(directory, name);
}

/** The bytes of a file, or undefined if there is none. */
export async function readFile(path: string): Promise<Uint8Array | undefined> {
  try {
    return readFileSync(path);
  } catch {
    return undefined;
  }
}
