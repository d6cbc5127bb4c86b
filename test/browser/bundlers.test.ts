// The package in a user's project, bundled by what users bundle with, none of it configured, and loaded
// in a browser. The worker and the engine have to be found by themselves.

import { execFileSync } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { build as esbuild } from "esbuild";
import { build, createServer } from "vite";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import webpack from "webpack";
import type { Browser } from "../harness/browsers/browser.ts";
import { launchChromium } from "../harness/browsers/chromium.ts";
import type { Bundle } from "../harness/bundle.ts";
import { startServer, type TestServer } from "../harness/server.ts";
import { useDirectory } from "../helpers/kinds.ts";
import { makePackedProject } from "../helpers/packed-project.ts";

const PROJECT = {
  "src/index.html":
    '<!doctype html><link rel="icon" href="data:,"><script type="module" src="./main.js"></script>',
  "src/render.js": `
    import { openPool } from "sqlite-wasm-pool";
    const before = Object.keys(globalThis).length;
    export const html = "<p>" + typeof openPool + "</p>";
    if (Object.keys(globalThis).length !== before) throw new Error("it left something behind");`,
  "src/main.js": `
    import { openPool } from "sqlite-wasm-pool";
    async function main() {
      const pool = await openPool("bundled/app.db", { maxConnections: 3, threads: 3 });
      await pool.executeScript("CREATE TABLE t (a); INSERT INTO t VALUES (41)");
      const leases = [await pool.acquire(), await pool.acquire(), await pool.acquire()];
      const values = [];
      for (const db of leases) values.push(await db.queryValue("SELECT a + 1 FROM t"));
      for (const db of leases) await db.release();
      const { storage, threads } = pool.stats();
      await pool.deleteDatabase();
      const inline = await openPool(":memory:", { threads: 0 });
      values.push(await inline.queryValue("SELECT 43"));
      await inline.close();
      for (const threads of ["auto", 0]) {
        const fallback = await openPool(":memory:", { engine: "sql.js", threads });
        values.push(await fallback.queryValue("SELECT 44"));
        await fallback.close();
      }
      return { values, storage, threads };
    }
    globalThis.outcome = main().catch((error) => ({ error: String(error) }));`,
};
const EXPECTED = { values: [42, 42, 42, 43, 44, 44], storage: "opfs", threads: 3 };

declare const outcome: Promise<unknown> | undefined;

describe("a user's page, bundled without configuration", () => {
  const path = useDirectory();
  const project = path("project");
  let browser: Browser;

  beforeAll(async () => {
    makePackedProject(project, PROJECT);
    browser = await launchChromium();
  });
  afterAll(() => browser?.[Symbol.asyncDispose]());

  /** What the page at `url` comes to. */
  async function outcomeOf(url: string): Promise<unknown> {
    const tab = await browser.open(url);
    const value = await tab.run(async () => {
      while (typeof outcome === "undefined")
        await new Promise((resolve) => setTimeout(resolve, 20));
      return await outcome;
    }, undefined);
    await tab.close();
    return value;
  }

  async function served(
    directory: string,
    body: (server: TestServer) => Promise<void>,
  ): Promise<void> {
    await using server = await startServer({ files: filesOf(directory), isolated: true });
    await body(server);
  }

  test("vite build", { timeout: 120_000 }, async () => {
    const outDir = path("vite");
    await build({
      root: join(project, "src"),
      configFile: false,
      logLevel: "error",
      build: { outDir },
    });
    await served(outDir, async (server) => {
      expect(await outcomeOf(`${server.origin}/index.html`)).toEqual(EXPECTED);
      expect(server.requests.filter((name) => name.endsWith(".wasm"))).toHaveLength(2);
    });
  });

  test("vite's development server", { timeout: 120_000 }, async () => {
    const server = await createServer({
      root: join(project, "src"),
      configFile: false,
      logLevel: "error",
      cacheDir: path("vite-cache"),
      server: {
        host: "127.0.0.1",
        port: 0,
        headers: {
          "Cross-Origin-Opener-Policy": "same-origin",
          "Cross-Origin-Embedder-Policy": "require-corp",
        },
      },
    });
    try {
      await server.listen();
      const address = server.httpServer?.address();
      if (typeof address !== "object" || address === null) throw new Error("BUG: no address");
      expect(await outcomeOf(`http://127.0.0.1:${address.port}/`)).toEqual(EXPECTED);
    } finally {
      await server.close();
    }
  });

  test("a page rendered on a server imports it, and nothing happens", async () => {
    const outDir = path("server");
    await build({
      root: project,
      configFile: false,
      logLevel: "error",
      build: { ssr: "src/render.js", outDir },
      // As frameworks do that bundle everything for the edge.
      ssr: { noExternal: true },
    });
    const rendered = execFileSync(
      process.execPath,
      [
        "--input-type=module",
        "-e",
        `console.log(await (await import("${outDir}/render.js")).html)`,
      ],
      { cwd: project, encoding: "utf8" },
    );
    expect(rendered).toBe("<p>function</p>\n");
  });

  test("webpack", { timeout: 120_000 }, async () => {
    const outDir = path("webpack");
    await bundleWithWebpack(project, outDir);
    await served(outDir, async (server) => {
      expect(await outcomeOf(`${server.origin}/index.html`)).toEqual(EXPECTED);
      expect(server.requests.filter((name) => name.endsWith(".wasm"))).toHaveLength(2);
    });
  });

  test("esbuild", { timeout: 120_000 }, async () => {
    const outdir = path("esbuild");
    const entry = join(project, "src/main.js");
    await esbuild({ entryPoints: [entry], bundle: true, format: "esm", outdir, logLevel: "error" });
    await served(outdir, async (server) => {
      expect(await outcomeOf(`${server.origin}/index.html`)).toEqual(EXPECTED);
    });
  });

  test("no bundler at all", async () => {
    const files = new Map(filesOf(join(project, "node_modules/sqlite-wasm-pool/dist"), "/dist"));
    files.set("/main.js", PROJECT["src/main.js"].replace("sqlite-wasm-pool", "/dist/index.web.js"));
    files.set(
      "/index.html",
      PROJECT["src/index.html"].replace(
        "<script",
        '<script type="importmap">{ "imports": { "#sqlite-wasm": "/dist/vendor/sqlite3.js" } }</script><script',
      ),
    );
    await using server = await startServer({ files, isolated: true });
    expect(await outcomeOf(`${server.origin}/index.html`)).toEqual(EXPECTED);
  });
});

/** The files of a built page by their paths; the page itself is the project's where none was built. */
function filesOf(directory: string, prefix = ""): Bundle {
  const files = new Map<string, string | Uint8Array>([["/index.html", PROJECT["src/index.html"]]]);
  for (const entry of readdirSync(directory, { recursive: true, withFileTypes: true })) {
    if (!entry.isFile()) continue;
    const file = join(entry.parentPath, entry.name);
    files.set(prefix + file.slice(directory.length), readFileSync(file));
  }
  return files;
}

function bundleWithWebpack(project: string, outDir: string): Promise<void> {
  const compiler = webpack({
    context: project,
    entry: "./src/main.js",
    // What is resolved is the same in production; minifying it takes a minute.
    mode: "development",
    output: { path: outDir },
  });
  return new Promise((resolve, reject) => {
    compiler?.run((error, stats) => {
      if (error) reject(error);
      else if (stats?.hasErrors()) reject(new Error(stats.toString({ all: false, errors: true })));
      else resolve();
    });
  });
}
