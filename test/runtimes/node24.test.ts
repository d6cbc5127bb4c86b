import { declareRuntime } from "./declare.ts";
import { node } from "./runtimes.ts";

// Between the oldest version and the newest, only what depends on the place is run, in files.
await declareRuntime(node(24), { some: "a file, t" });
