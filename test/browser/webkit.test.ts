import { launchWebKit } from "../harness/browsers/webkit.ts";
import {
  declareBrowserSuites,
  ENGINE_SUITES,
  FALLBACK_RUN,
  PLACE_SUITES,
  POOL_SUITES,
} from "./suites.ts";

// There is no shared memory, with isolation or without, and no private file system. What a worker's own
// workers do is what a page's do; that they can be started is all there is to see.
await declareBrowserSuites("WebKitGTK", launchWebKit, [
  { thread: "page", isolated: false, suites: [...POOL_SUITES, ...ENGINE_SUITES] },
  {
    thread: "worker",
    isolated: false,
    suites: PLACE_SUITES,
    places: "workers?$|IndexedDB, the calling thread",
  },
  FALLBACK_RUN,
]);
