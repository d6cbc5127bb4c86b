// A static server on a port of the system's choice: files from memory, with the headers a test asks for.

import { once } from "node:events";
import { createServer, type IncomingMessage } from "node:http";
import type { AddressInfo } from "node:net";
import type { Bundle } from "./bundle.ts";

export interface ServerOptions {
  /** Sends COOP and COEP, so that pages may share memory. */
  readonly isolated?: boolean;
  readonly csp?: string;
  /** Lets the browser keep pages as they are for the way back. */
  readonly keepsPages?: boolean;
  readonly files: Bundle;
}

export interface TestServer extends AsyncDisposable {
  readonly origin: string;
  /** The paths asked for, in order. */
  readonly requests: readonly string[];
  /** Calls `listener` with every body posted to `/report/<name>`. */
  onReport(name: string, listener: (body: string) => void): () => void;
}

const TYPES: Readonly<Record<string, string>> = {
  html: "text/html; charset=utf-8",
  js: "text/javascript",
  css: "text/css",
  svg: "image/svg+xml",
  wasm: "application/wasm",
  map: "application/json",
};

const ISOLATION = {
  "Cross-Origin-Opener-Policy": "same-origin",
  "Cross-Origin-Embedder-Policy": "require-corp",
  "Cross-Origin-Resource-Policy": "same-origin",
};

/** Serves `files`, and `/page` and `/worker`, which run the suites in the thread they name. */
export async function startServer(options: ServerOptions): Promise<TestServer> {
  const listeners = new Map<string, (body: string) => void>();
  const requests: string[] = [];
  const headers = {
    "Cache-Control": options.keepsPages ? "no-cache" : "no-store",
    ...(options.isolated ? ISOLATION : {}),
    ...(options.csp === undefined ? {} : { "Content-Security-Policy": options.csp }),
  };
  const server = createServer(async (request, response) => {
    const { pathname } = new URL(request.url ?? "/", "http://localhost");
    requests.push(pathname);
    if (request.method === "POST" && pathname.startsWith("/report/")) {
      listeners.get(pathname.slice("/report/".length))?.(await bodyOf(request));
      response.writeHead(204, headers).end();
      return;
    }
    const body = pageFor(pathname) ?? options.files.get(pathname);
    const type = TYPES[/\.(\w+)$/.exec(pathname)?.[1] ?? "html"] ?? "application/octet-stream";
    response.writeHead(body === undefined ? 404 : 200, { ...headers, "Content-Type": type });
    response.end(body);
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  return {
    origin: `http://localhost:${port}`,
    requests,
    onReport(name, listener) {
      listeners.set(name, listener);
      return () => void listeners.delete(name);
    },
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

/** The parameters of a run are the page's query; a worker gets them as its name. */
function pageFor(pathname: string): string | undefined {
  switch (pathname) {
    case "/page":
      return html('import("/test/harness/thread.js");');
    case "/worker":
      return html(`globalThis.worker =
        new Worker("/test/harness/thread.js", { type: "module", name: location.search });`);
    case "/blank":
      return html("");
    default:
      return undefined;
  }
}

/** A policy that forbids WebAssembly; the script that starts a run is allowed by its nonce. */
export const NO_WASM_POLICY = "default-src 'self'; script-src 'self' 'nonce-start'; img-src data:";

function html(script: string): string {
  return `<!doctype html><link rel="icon" href="data:,"><script type="module" nonce="start">${script}</script>`;
}

async function bodyOf(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks).toString();
}
