import { BETWEEN, declareRuntime } from "./declare.ts";
import { node } from "./runtimes.ts";

// Where this is Node 20 itself, `npm test` has run all but what a process without Vitest may do otherwise.
const isThis = process.versions.node.startsWith("20.");
await declareRuntime(node(20), isThis ? BETWEEN : undefined);
