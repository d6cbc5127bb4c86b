import { declareRuntime } from "./declare.ts";
import { bun } from "./runtimes.ts";

await declareRuntime(bun);
