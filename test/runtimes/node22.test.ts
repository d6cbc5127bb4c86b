import { declareRuntime } from "./declare.ts";
import { node } from "./runtimes.ts";

// Between the oldest version and the newest, what is in memory is left out.
await declareRuntime(node(22), "a file");
