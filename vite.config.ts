import { defineConfig } from "vitest/config";
import { isolation } from "./playground/isolation.ts";
import { LongestFirst } from "./test/harness/longest-first.ts";

const report = process.env.VITEST_JSON;

// One file for both: Vite serves and builds the playground, Vitest runs the tests.
// `npm start -- --mode no-isolation` serves it without COOP and COEP.
export default defineConfig(({ mode }) => ({
  root: `${import.meta.dirname}/playground`,
  // Static files that work under any path.
  base: "./",
  plugins: [isolation(mode !== "no-isolation")],
  oxc: { jsx: { runtime: "automatic", importSource: "preact" } },
  // The playground imports this package by its name, and gets `dist/` as it is published. Rolled into one
  // file, it would look for its workers beside that.
  optimizeDeps: { exclude: ["sqlite-wasm-pool", "@sqlite.org/sqlite-wasm"] },
  worker: { format: "es" },
  build: {
    outDir: `${import.meta.dirname}/playground/dist`,
    emptyOutDir: true,
    target: "es2022",
    // The editor and the charts are on the first page.
    chunkSizeWarningLimit: 800,
  },
  test: {
    root: import.meta.dirname,
    include: ["test/**/*.test.ts"],
    // The pool starts worker threads of its own, which cannot be nested in a test thread's module loader.
    pool: "forks",
    // Browsers and processes mostly wait; Vitest would leave a core of two to itself.
    maxWorkers: 2,
    sequence: { sequencer: LongestFirst },
    // Real browsers and processes on a loaded machine: a deadline is for what hangs, not for what is slow.
    testTimeout: 180_000,
    hookTimeout: 180_000,
    // A browser under load now and then drops an event; what fails twice is wrong.
    retry: process.env.CI ? 1 : 0,
    reporters: report ? ["default", "json"] : ["default"],
    ...(report ? { outputFile: { json: report } } : {}),
  },
}));
