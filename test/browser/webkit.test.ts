import { launchWebKit } from "../harness/browsers/webkit.ts";
import { byMatrix, inWholeMatrix } from "../harness/matrix.ts";
import { ENGINE_SUITES, LEAST_SUITES, PLACE_SUITES, POOL_SUITES } from "../harness/suites.ts";
import { declareBrowserSuites, FALLBACK_RUN, type Run } from "./suites.ts";

// There is no shared memory, with isolation or without, and no private file system. What a worker's own
// workers do is what a page's do; that they can be started is all there is to see.
await declareBrowserSuites("WebKitGTK", launchWebKit, [
  {
    thread: "page",
    isolated: false,
    suites: [...POOL_SUITES, ...ENGINE_SUITES],
    places: "memory, the calling thread",
  },
  {
    thread: "page",
    isolated: false,
    suites: byMatrix(PLACE_SUITES, POOL_SUITES),
    places: "IndexedDB, one worker",
  },
  byMatrix<Run>({ ...FALLBACK_RUN, suites: LEAST_SUITES }, FALLBACK_RUN),
  ...inWholeMatrix<Run>([
    {
      thread: "page",
      isolated: false,
      suites: PLACE_SUITES,
      places: "IndexedDB, (sql.js|the calling thread)",
    },
    { thread: "worker", isolated: false, suites: PLACE_SUITES, places: "memory, two workers" },
  ]),
]);
