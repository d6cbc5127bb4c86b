import { afterAll } from "vitest";
import type { Kind } from "./place.ts";

export { openJudge } from "./asm-judge.ts";

const hasFiles = navigator.storage?.getDirectory !== undefined;
const inWorker = typeof document === "undefined";

export const KINDS: readonly Kind[] = [
  ...(hasFiles
    ? ([
        { name: "OPFS, two workers", storage: "opfs", options: { threads: 2 } },
        { name: "OPFS, one worker", storage: "opfs", options: { threads: 1 } },
      ] as const)
    : []),
  // Only workers have synchronous files.
  ...(hasFiles && inWorker
    ? ([{ name: "OPFS, the calling thread", storage: "opfs", options: { threads: 0 } }] as const)
    : []),
  { name: "memory, two workers", storage: "memory", options: { threads: 2 } },
  { name: "memory, the calling thread", storage: "memory", options: { threads: 0 } },
  {
    name: "memory, sql.js in a worker",
    storage: "memory",
    options: { engine: "sql.js", threads: 1 },
  },
  {
    name: "memory, sql.js without WebAssembly",
    storage: "memory",
    options: { threads: 0 },
    withoutWebAssembly: true,
  },
];

/** A database that nobody else has. */
export function temporaryName(): string {
  return `test-${crypto.randomUUID()}.db`;
}

let directories = 0;

/** Names in a directory of this run, which is deleted after the tests. */
export function useDirectory(): (name: string) => string {
  const directory = `test-${inWorker ? "worker" : "page"}-${Date.now()}-${++directories}`;
  afterAll(async () => {
    if (!hasFiles) return;
    const root = await navigator.storage.getDirectory();
    await root.removeEntry(directory, { recursive: true }).catch(ignoreAbsence);
  });
  return (name) => `${directory}/${name}`;
}

/** The bytes of a file, or undefined if there is none. */
export async function readFile(path: string): Promise<Uint8Array | undefined> {
  const parts = path.split("/");
  const name = parts.pop() ?? "";
  try {
    let directory = await navigator.storage.getDirectory();
    for (const part of parts) directory = await directory.getDirectoryHandle(part);
    const file = await (await directory.getFileHandle(name)).getFile();
    return new Uint8Array(await file.arrayBuffer());
  } catch (error) {
    ignoreAbsence(error);
    return undefined;
  }
}

function ignoreAbsence(error: unknown): void {
  if (!(error instanceof DOMException && error.name === "NotFoundError")) throw error;
}
