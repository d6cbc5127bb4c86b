// The folders are threads and contracts: imports go down only, and platform APIs stay where they
// belong.

import { readdirSync, readFileSync } from "node:fs";
import { dirname, join, normalize, relative } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";

const SRC = fileURLToPath(new URL("../src", import.meta.url));

/** What each layer may import beside itself and the words that are open to all. */
const MAY_IMPORT: Readonly<Record<string, readonly string[]>> = {
  index: ["open", "surface"],
  testing: ["pool"],
  surface: ["pool"],
  open: ["pool", "runtime"],
  pool: ["rpc"],
  runtime: [
    "rpc",
    "worker/inline",
    "worker/node-storages",
    "worker/web-storages",
    "shm",
    "storage",
  ],
  worker: ["rpc", "engine", "storage", "shm"],
  engine: ["storage/storage", "shm"],
  storage: [],
  shm: [],
  rpc: [],
  types: [],
  errors: [],
  text: [],
  clock: [],
  "shared-memory": [],
  "result-codes": [],
};
const OPEN_TO_ALL = ["types", "errors", "text", "clock", "shared-memory", "result-codes"];
/** Only these may use Node's modules. */
const PLATFORM = [
  "storage/node-fs",
  "storage/node-faults",
  "storage/node-temporaries",
  "storage/lock-file",
  "storage/process-liveness",
  "storage/deno-liveness",
  "runtime/spawn",
  "runtime/node",
  "runtime/compile-engine",
  "runtime/node-files",
  "worker/node",
];

interface Import {
  readonly from: string;
  readonly to: string;
}

const files = readdirSync(SRC, { recursive: true, encoding: "utf8" }).filter(
  (file) => file.endsWith(".ts") && !file.endsWith(".d.ts"),
);
const imports: Import[] = files.flatMap((file) => {
  const text = readFileSync(join(SRC, file), "utf8");
  return [...text.matchAll(/(?:from |import\(|import )"([^"]+)"/g)].map(([, to = ""]) => ({
    from: file.replace(/\.ts$/, ""),
    to: to.startsWith(".") ? normalize(join(dirname(file), to)).replace(/\.[tj]s$/, "") : to,
  }));
});

const layerOf = (module: string) => module.split(/[/.]/)[0] ?? "";

test("imports go down only", () => {
  const wrong = imports.filter(({ from, to }) => {
    if (!files.includes(`${to}.ts`)) return false;
    const [here, there] = [layerOf(from), layerOf(to)];
    if (here === there || OPEN_TO_ALL.includes(there)) return false;
    return !MAY_IMPORT[here]?.some((allowed) => allowed === there || allowed === to);
  });
  expect(wrong).toEqual([]);
});

test("an engine is loaded only where it is used", () => {
  const reached = new Set<string>();
  const visit = (module: string): void => {
    if (reached.has(module) || !files.includes(`${module}.ts`)) return;
    reached.add(module);
    const text = readFileSync(join(SRC, `${module}.ts`), "utf8");
    const statically = /^(?:import|export) (?!type )(?:[^;"]* from )?"(\.[^"]+)";/gm;
    for (const [, to = ""] of text.matchAll(statically)) {
      visit(normalize(join(dirname(module), to)).replace(/\.[tj]s$/, ""));
    }
  };
  for (const entry of ["index", "index.web", "runtime/node", "runtime/web"]) visit(entry);
  for (const entry of ["worker/inline", "worker/node", "worker/web"]) visit(entry);
  expect(reached).toContain("worker/host");
  expect([...reached].filter((module) => /^engine\/sql(ite-wasm|-js)/.test(module))).toEqual([]);
});

test("every layer is in the table", () => {
  expect(new Set(files.map((file) => layerOf(file.replace(/\.ts$/, ""))))).toEqual(
    new Set(Object.keys(MAY_IMPORT)),
  );
});

test("Node's modules are imported where the platform is dealt with, and nowhere else", () => {
  const users = new Set(imports.filter(({ to }) => to.startsWith("node:")).map(({ from }) => from));
  expect([...users].filter((user) => !PLATFORM.includes(user))).toEqual([]);
});

test("no module imports itself by way of others", () => {
  const graph = new Map<string, string[]>();
  for (const { from, to } of imports) {
    const text = readFileSync(join(SRC, `${from}.ts`), "utf8");
    const specifier = relative(dirname(from), to);
    const path = specifier.startsWith(".") ? specifier : `./${specifier}`;
    const onlyTypes = new RegExp(`import type [^;]*"${path.replaceAll(".", "\\.")}\\.ts"`).test(
      text,
    );
    if (files.includes(`${to}.ts`) && !onlyTypes) graph.set(from, [...(graph.get(from) ?? []), to]);
  }
  const done = new Set<string>();
  const visit = (module: string, way: readonly string[]): void => {
    if (way.includes(module)) throw new Error([...way, module].join(" -> "));
    if (done.has(module)) return;
    for (const next of graph.get(module) ?? []) visit(next, [...way, module]);
    done.add(module);
  };
  for (const module of graph.keys()) visit(module, []);
  expect(done.size).toBeGreaterThan(30);
});
