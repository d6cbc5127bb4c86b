import { declareRuntime } from "./declare.ts";
import { node } from "./runtimes.ts";

// Where this is Node 20 itself, `npm test` has run the rest.
const isThis = process.versions.node.startsWith("20.");
await declareRuntime(node(20), isThis ? "a file" : undefined);
