import { declareRuntime } from "./declare.ts";
import { node } from "./runtimes.ts";

// Between the oldest version and the newest, what is in memory, and sql.js, are left out.
await declareRuntime(node(22), { places: "a file, t" });
