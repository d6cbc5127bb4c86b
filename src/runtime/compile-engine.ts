// The engine of Node, Deno and Bun, compiled.

import { StorageError } from "../errors.ts";
import type { EngineKind } from "../types.ts";
import { isDeno } from "./detect.ts";
import { canRunWebAssembly } from "./engines.ts";

const WASM_FILES: Readonly<Record<EngineKind, string>> = {
  "sqlite-wasm": "../sqlite3.wasm",
  "sql.js": "../engine/sql-js/sql-js.wasm",
};

const compiled = new Map<EngineKind, Promise<WebAssembly.Module>>();

/**
 * The engine, compiled once in this thread and sent to all others; undefined without WebAssembly.
 * @throws StorageError
 */
export async function compileEngine(engine: EngineKind): Promise<WebAssembly.Module | undefined> {
  if (!(await canRunWebAssembly())) return undefined;
  let module = compiled.get(engine);
  if (module === undefined) {
    module = compile(new URL(WASM_FILES[engine], import.meta.url));
    compiled.set(engine, module);
    module.catch(() => compiled.delete(engine));
  }
  return module;
}

async function compile(url: URL): Promise<WebAssembly.Module> {
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
