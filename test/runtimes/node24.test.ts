import { BETWEEN, declareRuntime } from "./declare.ts";
import { node } from "./runtimes.ts";

await declareRuntime(node(24), BETWEEN);
