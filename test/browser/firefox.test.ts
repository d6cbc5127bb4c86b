import { launchFirefox } from "../harness/browsers/firefox.ts";
import { byMatrix, inWholeMatrix } from "../harness/matrix.ts";
import { ENGINE_SUITES, PLACE_SUITES, POOL_SUITES } from "../harness/suites.ts";
import { declareBrowserSuites, FALLBACK_RUN, type Run, WORKER_RUN } from "./suites.ts";

/**
 * Under automation a worker of Firefox (153) stands still some time after a worker that it started has ended,
 * with or without this library. So in workers only what starts none is run.
 */
await declareBrowserSuites("Firefox", launchFirefox, [
  {
    thread: "page",
    isolated: true,
    suites: [...POOL_SUITES, ...ENGINE_SUITES],
    places: "memory, the calling thread",
  },
  { thread: "page", isolated: true, suites: byMatrix(PLACE_SUITES, POOL_SUITES), places: "OPFS" },
  WORKER_RUN,
  ...inWholeMatrix<Run>([
    { thread: "page", isolated: true, suites: PLACE_SUITES, places: "IndexedDB" },
    {
      thread: "page",
      isolated: false,
      suites: PLACE_SUITES,
      places: "(OPFS|IndexedDB), one worker",
    },
    FALLBACK_RUN,
  ]),
]);
