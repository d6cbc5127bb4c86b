// The engine's module and the worker's script in a browser: the files beside this one, or where a bundler
// has left those behind (esbuild does, as it knows no assets), the same as text.

import { StorageError } from "../errors.ts";

/** What threads are started from. */
export interface WebEngine {
  readonly module: WebAssembly.Module;
  newWorker(): Worker;
}

let engine: Promise<WebEngine> | undefined;

/**
 * The engine, fetched and compiled once in this thread and sent to all others.
 * @throws StorageError (`unsupported`) where it cannot be compiled
 */
export function webEngine(): Promise<WebEngine> {
  engine ??= loadEngine().catch((thrown) => {
    engine = undefined;
    throw thrown;
  });
  return engine;
}

async function loadEngine(): Promise<WebEngine> {
  const response = await fetchWasm();
  if (response === undefined) return inlineEngine();
  const module = await compiled(response);
  return {
    module,
    // Bundlers look for exactly this expression to find the worker.
    newWorker: () => new Worker(new URL("../worker/web.js", import.meta.url), { type: "module" }),
  };
}

/** The engine's file; undefined where there is none: many servers send a page of theirs instead. */
async function fetchWasm(): Promise<Response | undefined> {
  const response = await fetch(new URL("../sqlite3.wasm", import.meta.url)).catch(() => undefined);
  const type = response?.headers.get("content-type") ?? "";
  return response?.ok && !type.startsWith("text/html") ? response : undefined;
}

async function inlineEngine(): Promise<WebEngine> {
  const texts = await Promise.all([
    import("../inline/wasm-1.js"),
    import("../inline/wasm-2.js"),
    import("../inline/worker.js"),
  ]);
  const [first, second, worker] = texts.map((text) => text.default);
  const module = await compiled(unpacked(`${first}${second}`, "application/wasm"));
  const script = await unpacked(`${worker}`, "text/javascript").blob();
  const url = URL.createObjectURL(script);
  return { module, newWorker: () => new Worker(url, { type: "module" }) };
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
