// What threads in a browser are started from, the engine's module and the worker's script: the files beside
// this one, or where a bundler has left those behind (esbuild does, as it knows no assets), the same
// as text.

import { StorageError } from "../errors.ts";
import type { EngineKind } from "../types.ts";
import { canRunWebAssembly, chooseEngine, type EngineTraits, traitsOf } from "./engines.ts";

/** What threads are started from. */
export interface WebEngine {
  readonly traits: EngineTraits;
  /** Undefined for the build of sql.js in JavaScript. */
  readonly module: WebAssembly.Module | undefined;
  /** The address of the engine's script, which workers cannot import by themselves. */
  readonly script: string | undefined;
  newWorker(): Worker;
}

type EngineFiles = Omit<WebEngine, "traits">;

const loaded = new Map<EngineKind, Promise<EngineFiles>>();

/**
 * The engine that was asked for, fetched and compiled once in this thread and sent to all others.
 * @throws StorageError (`unsupported`) where it cannot be had
 */
export async function webEngine(asked: EngineKind | "auto"): Promise<WebEngine> {
  const kind = await chooseEngine(asked);
  let files = loaded.get(kind);
  if (files === undefined) {
    files = kind === "sql.js" ? loadSqlJs() : loadSqliteWasm();
    loaded.set(kind, files);
    files.catch(() => loaded.delete(kind));
  }
  return { traits: traitsOf(kind), ...(await files) };
}

async function loadSqliteWasm(): Promise<EngineFiles> {
  const response = await fetchFile(new URL("../sqlite3.wasm", import.meta.url));
  if (response === undefined) return inlineEngine();
  return { module: await compiled(response), script: undefined, newWorker };
}

/** In JavaScript where WebAssembly cannot be had. */
async function loadSqlJs(): Promise<EngineFiles> {
  if (await canRunWebAssembly()) {
    const response = await fetchFile(new URL("../engine/sql-js/sql-js.wasm", import.meta.url));
    if (response !== undefined) {
      const script = new URL("../engine/sql-js/wasm.js", import.meta.url).href;
      return { module: await compiled(response), script, newWorker };
    }
  }
  const script = new URL("../engine/sql-js/asm.js", import.meta.url).href;
  return { module: undefined, script, newWorker };
}

/** Bundlers look for exactly this expression to find the worker. */
function newWorker(): Worker {
  return new Worker(new URL("../worker/web.js", import.meta.url), { type: "module" });
}

/** A file of ours; undefined where there is none: many servers send a page of theirs instead. */
async function fetchFile(url: URL): Promise<Response | undefined> {
  const response = await fetch(url).catch(() => undefined);
  const type = response?.headers.get("content-type") ?? "";
  return response?.ok && !type.startsWith("text/html") ? response : undefined;
}

async function inlineEngine(): Promise<EngineFiles> {
  const texts = await Promise.all([
    import("../inline/wasm-1.js"),
    import("../inline/wasm-2.js"),
    import("../inline/worker.js"),
  ]);
  const [first, second, worker] = texts.map((text) => text.default);
  const module = await compiled(unpacked(`${first}${second}`, "application/wasm"));
  const script = await unpacked(`${worker}`, "text/javascript").blob();
  const url = URL.createObjectURL(script);
  return { module, script: undefined, newWorker: () => new Worker(url, { type: "module" }) };
}

function unpacked(base64: string, type: string): Response {
  const bytes = Uint8Array.from(atob(base64), (char) => char.charCodeAt(0));
  const text = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
  return new Response(text, { headers: { "content-type": type } });
}

async function compiled(response: Response): Promise<WebAssembly.Module> {
  const type = response.headers.get("content-type") ?? "";
  try {
    // Compiling while it comes needs the right type, which some servers do not know.
    if (type.startsWith("application/wasm")) return await WebAssembly.compileStreaming(response);
    return await WebAssembly.compile(await response.arrayBuffer());
  } catch (thrown) {
    throw new StorageError(
      "unsupported",
      `SQLite could not be compiled here: ${String(thrown)}; a content security policy has to allow 'wasm-unsafe-eval'`,
      { cause: thrown },
    );
  }
}
