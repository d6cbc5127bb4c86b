import { launchWebKit } from "../harness/browsers/webkit.ts";
import { declareBrowserSuites, ENGINE_SUITES, POOL_SUITES } from "./suites.ts";

// There is no shared memory, with isolation or without, and no private file system.
await declareBrowserSuites("WebKitGTK", launchWebKit, [
  { thread: "page", isolated: false, suites: [...POOL_SUITES, ...ENGINE_SUITES] },
  { thread: "worker", isolated: false, suites: POOL_SUITES },
]);
