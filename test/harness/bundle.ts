// Bundles test suites for browsers, with the library as its users get it: the built package, found by the
// `browser` condition, its workers and the `.wasm` found by the bundler.

import { fileURLToPath } from "node:url";
import { build, type Plugin } from "vite";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));

/** The files of a bundle by their paths. */
export type Bundle = ReadonlyMap<string, string | Uint8Array>;

/**
 * Bundles each of `sources`, without writing to the disk: `test/a.ts` becomes `/test/a.js`. With `maps` there is
 * `/test/a.js.map` as well, which takes longer than all the rest.
 */
export async function bundle(sources: readonly string[], { maps = false } = {}): Promise<Bundle> {
  const output = await build({
    configFile: false,
    root: ROOT,
    logLevel: "error",
    define: {
      "process.env.NODE_ENV": '"test"',
      "process.env.TEST_MATRIX": JSON.stringify(process.env.TEST_MATRIX ?? ""),
      "process.platform": '"browser"',
    },
    resolve: {
      alias: [
        // A directory: its package.json is read as it is for a package in node_modules.
        { find: /^sqlite-wasm-pool$/, replacement: ROOT },
        { find: "./places/node.ts", replacement: `${ROOT}test/helpers/places/web.ts` },
      ],
    },
    plugins: [sideEffects],
    worker: { format: "es" },
    build: {
      write: false,
      minify: false,
      sourcemap: maps && "hidden",
      // Declarations with `using` are not parsed everywhere yet.
      target: "es2022",
      modulePreload: false,
      assetsInlineLimit: 0,
      chunkSizeWarningLimit: Number.POSITIVE_INFINITY,
      rolldownOptions: {
        input: Object.fromEntries(sources.map((file) => [file.replace(/\.ts$/, ""), ROOT + file])),
        output: { entryFileNames: "[name].js" },
      },
    },
  });
  const files = new Map<string, string | Uint8Array>();
  for (const one of Array.isArray(output) ? output : [output]) {
    if (!("output" in one)) throw new Error("BUG: the bundler watches");
    for (const file of one.output) {
      files.set(`/${file.fileName}`, file.type === "chunk" ? file.code : file.source);
      if (file.type === "chunk" && file.map) files.set(`/${file.fileName}.map`, String(file.map));
    }
  }
  return files;
}

/** The package says that its modules only define things. Its tests do more. */
const sideEffects: Plugin = {
  name: "tests-have-side-effects",
  transform: (_, id) => (id.startsWith(`${ROOT}test/`) ? { moduleSideEffects: true } : undefined),
};
