import { byMatrix } from "../harness/matrix.ts";
import { declareRuntime, type Extent } from "./declare.ts";
import { node } from "./runtimes.ts";

// Between the oldest version and the newest, what is in memory, and sql.js, are left out.
await declareRuntime(
  node(24),
  byMatrix<Extent>(
    { some: "a file, t" },
    { all: "a file, two worker threads", some: "a file, the calling thread" },
  ),
);
