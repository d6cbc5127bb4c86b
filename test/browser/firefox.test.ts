import { launchFirefox } from "../harness/browsers/firefox.ts";
import {
  declareBrowserSuites,
  ENGINE_SUITES,
  FALLBACK_RUN,
  PLACE_SUITES,
  POOL_SUITES,
} from "./suites.ts";

/**
 * Under automation a worker of Firefox (153) stands still some time after a worker that it started has ended,
 * with or without this library. So in workers only what starts none is run. What is in memory is the same in
 * a worker as in a page.
 */
const places = "(OPFS|IndexedDB), the calling thread";

await declareBrowserSuites("Firefox", launchFirefox, [
  { thread: "page", isolated: true, suites: [...POOL_SUITES, ...ENGINE_SUITES] },
  { thread: "worker", isolated: true, suites: PLACE_SUITES, places },
  { thread: "page", isolated: false, suites: PLACE_SUITES },
  { thread: "worker", isolated: false, suites: PLACE_SUITES, places },
  FALLBACK_RUN,
]);
