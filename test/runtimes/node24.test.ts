import { declareRuntime } from "./declare.ts";
import { node } from "./runtimes.ts";

// Between the oldest version and the newest, what is in memory, and sql.js, are left out.
await declareRuntime(node(24), { all: "a file, two worker threads", some: "a file, the calling" });
