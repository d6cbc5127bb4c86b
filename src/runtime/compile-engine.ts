// The engine of Node, Deno and Bun, compiled.

import { StorageError } from "../errors.ts";
import { isDeno } from "./detect.ts";

const WASM = "../sqlite3.wasm";

let compiled: Promise<WebAssembly.Module> | undefined;

/** The engine, compiled once in this thread and sent to all others. @throws StorageError */
export function compileEngine(): Promise<WebAssembly.Module> {
  compiled ??= compile().catch((thrown) => {
    compiled = undefined;
    throw thrown;
  });
  return compiled;
}

async function compile(): Promise<WebAssembly.Module> {
  const url = new URL(WASM, import.meta.url);
  return (isDeno() && (await importSource(url))) || WebAssembly.compile(await read(url));
}

/**
 * In Deno a module of an installed package may be imported without a permission, while its file may not
 * be read. Undefined where it cannot. Bundlers and TypeScript 7 cannot parse this form of import yet.
 */
async function importSource({ href }: URL): Promise<WebAssembly.Module | undefined> {
  try {
    return await new Function("url", "return import.source(url)")(href);
  } catch {
    return undefined;
  }
}

async function read(url: URL): Promise<BufferSource> {
  const { readFile } = await import("node:fs/promises");
  try {
    return await readFile(url);
  } catch (thrown) {
    const { describeFault } = await import("../storage/node-faults.ts");
    const { reason, advice } = describeFault(thrown, url.pathname);
    const message = `could not load the engine: ${(thrown as Error).message}${advice}`;
    throw new StorageError(reason, message, { cause: thrown });
  }
}
