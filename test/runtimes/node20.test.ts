import { byMatrix } from "../harness/matrix.ts";
import { declareRuntime, type Extent } from "./declare.ts";
import { node } from "./runtimes.ts";

// Where this is Node 20 itself, `npm test` has run all but what a process without Vitest may do otherwise.
const isThis = process.versions.node.startsWith("20.");
const threads = "a file, two worker threads";
await declareRuntime(
  node(20),
  isThis ? byMatrix<Extent>({ some: threads }, { all: threads }) : undefined,
);
