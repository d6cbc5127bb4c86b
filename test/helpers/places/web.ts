import { createStore, get, promisifyRequest } from "idb-keyval";
import { deleteDatabase, listDatabases } from "sqlite-wasm-pool";
import { afterAll } from "vitest";
import { runParameters } from "../../harness/run-parameters.ts";
import type { Kind } from "./place.ts";

export { openJudge } from "./asm-judge.ts";

const hasOpfs = navigator.storage?.getDirectory !== undefined;
const sharesMemory = typeof SharedArrayBuffer === "function";
const inWorker = typeof document === "undefined";

/** Firefox lends a file to one worker at a time. */
const sharesFiles = !navigator.userAgent.includes("Firefox");

const OPFS_KINDS: readonly Kind[] = [
  // Without shared memory and files a second worker is never started: the place with one stands for both.
  ...(sharesMemory && sharesFiles
    ? ([{ name: "OPFS, two workers", storage: "opfs", options: { threads: 2 } }] as const)
    : []),
  { name: "OPFS, one worker", storage: "opfs", options: { threads: 1 } },
  // Only workers have synchronous files.
  ...(inWorker
    ? ([{ name: "OPFS, the calling thread", storage: "opfs", options: { threads: 0 } }] as const)
    : []),
];

/** What the calling thread does is the same with shared memory and without. */
const INDEXEDDB_KINDS: readonly Kind[] = [
  ...(inWorker
    ? []
    : ([
        {
          name: "IndexedDB, one worker",
          storage: "indexeddb",
          options: { storage: "indexeddb", threads: 1 },
        },
      ] as const)),
  ...(sharesMemory
    ? []
    : ([
        {
          name: "IndexedDB, the calling thread",
          storage: "indexeddb",
          options: { storage: "indexeddb", threads: 0 },
        },
      ] as const)),
];

const ALL_KINDS: readonly Kind[] = [
  ...(hasOpfs ? OPFS_KINDS : []),
  ...INDEXEDDB_KINDS,
  {
    name: "memory, two workers",
    storage: "memory",
    options: { threads: 2 },
  },
  {
    name: "memory, the calling thread",
    storage: "memory",
    options: { threads: 0 },
  },
  inWorker
    ? {
        name: "memory, sql.js in a worker",
        storage: "memory",
        options: { engine: "sql.js", threads: 1 },
      }
    : {
        name: "IndexedDB, sql.js in a worker",
        storage: "indexeddb",
        options: { storage: "indexeddb", engine: "sql.js", threads: 1 },
      },
];

/** A run may ask for some of the places only. */
const asked = new RegExp(runParameters().get("places") ?? "");

export const KINDS = ALL_KINDS.filter(({ name }) => asked.test(name));

/** A database that nobody else has. */
export function temporaryName(): string {
  return `test-${crypto.randomUUID()}.db`;
}

let directories = 0;

/** Names in a directory of this run, which is deleted after the tests. */
export function useDirectory(): (name: string) => string {
  const directory = `test-${inWorker ? "worker" : "page"}-${Date.now()}-${++directories}`;
  afterAll(async () => {
    for (const { path } of await listDatabases({ directory, recursive: true }).catch(() => [])) {
      await deleteDatabase(path);
    }
    if (!hasOpfs) return;
    const root = await navigator.storage.getDirectory();
    await root.removeEntry(directory, { recursive: true }).catch(ignoreAbsence);
  });
  return (name) => `${directory}/${name}`;
}

/** The bytes of a file, or undefined if there is none. */
export async function readFile(path: string): Promise<Uint8Array | undefined> {
  return (hasOpfs ? await readOpfsFile(path) : undefined) ?? (await readKeptDatabase(path));
}

async function readKeptDatabase(path: string): Promise<Uint8Array | undefined> {
  const databases = await indexedDB.databases();
  if (!databases.some(({ name }) => name === `sqlite-wasm-pool:${path}`)) return undefined;
  const store = createStore(`sqlite-wasm-pool:${path}`, "chunks");
  const { sizes } = (await get("header", store)) as { sizes: [number] };
  const range = IDBKeyRange.bound([0, 0], [0, Number.POSITIVE_INFINITY]);
  const chunks = await store("readonly", (chunks) => promisifyRequest(chunks.getAll(range)));
  await store("readonly", ({ transaction }) => transaction.db.close());
  return new Uint8Array(await new Blob(chunks).slice(0, sizes[0]).arrayBuffer());
}

async function readOpfsFile(path: string): Promise<Uint8Array | undefined> {
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
