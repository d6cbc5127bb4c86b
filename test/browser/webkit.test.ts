import { launchWebKit } from "../harness/browsers/webkit.ts";
import { declareBrowserSuites, ENGINE_SUITES, PLACE_SUITES } from "./suites.ts";

// There is no shared memory, with isolation or without, and no private file system.
await declareBrowserSuites("WebKitGTK", launchWebKit, [
  { thread: "page", isolated: false, suites: [...PLACE_SUITES, ...ENGINE_SUITES] },
  { thread: "worker", isolated: false, suites: PLACE_SUITES },
]);
