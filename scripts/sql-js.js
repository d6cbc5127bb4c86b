// Two builds of sql.js as ES modules.
//
// The package ships scripts for `<script>` and `require`, which neither a module worker nor a page with
// a strict Content Security Policy can load without a bundler, and 30 MB of further builds. Here each
// becomes a module whose default export runs it once more: the package itself keeps to one instance.
// Its licence goes with it.

import { copyFileSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";

/** `src/engine/sql-js-layout.ts` describes the structs of this version; its test says if they changed. */
const VERSION = "1.16.0";

const require = createRequire(import.meta.url);
const source = new URL("./", `file://${require.resolve("sql.js/dist/sql-wasm.js")}`);

/**
 * Writes both, the WebAssembly of one of them, and the licence.
 * @param {URL} directory
 */
export function writeSqlJs(directory) {
  const { version } = JSON.parse(read("../package.json"));
  if (version !== VERSION) {
    throw new Error(
      `sql.js is ${version}: check src/engine/sql-js-layout.ts, which is for ${VERSION}`,
    );
  }
  mkdirSync(directory, { recursive: true });
  writeFileSync(new URL("asm.js", directory), asModule("sql-asm-memory-growth.js"));
  writeFileSync(new URL("wasm.js", directory), asModule("sql-wasm-browser.js"));
  copyFileSync(new URL("sql-wasm-browser.wasm", source), new URL("sql-js.wasm", directory));
  copyFileSync(new URL("../LICENSE", source), new URL("LICENSE", directory));
}

/** @param {string} file */
function asModule(file) {
  return `/* sql.js ${VERSION}, ${file}, https://github.com/sql-js/sql.js
 * Changed: it is a function of an ES module, and gives its WebAssembly exports away.
 *
${read("../LICENSE").trim().replace(/^/gm, " * ").replace(/ +$/gm, "")}
 */
// What the script takes from its surroundings; its one warning is that browsers have WebAssembly.
export default function newSqlJs(
  module = { exports: {} },
  exports = module.exports,
  require = () => ({}),
  define = undefined,
  __filename = undefined,
  console = { log() {}, warn() {}, error: (...text) => globalThis.console.error(...text) },
) {
${givingExports(read(file))}
  return initSqlJs;
}
`;
}

/**
 * The memory and the function table are nowhere to be had otherwise.
 * @param {string} script
 */
function givingExports(script) {
  const place = /([\w$]+)\._sqlite3_free=([\w$]+)\.[\w$]+;/g;
  if ([...script.matchAll(place)].length !== 1) {
    throw new Error("sql.js takes its exports in another way than was expected");
  }
  return script.replace(place, "$1.exports=$2;$&");
}

/** @param {string} file */
function read(file) {
  return readFileSync(new URL(file, source), "utf8");
}
