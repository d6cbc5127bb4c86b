import { launchWebKit } from "../harness/browsers/webkit.ts";
import { declareBrowserSuites, ENGINE_SUITES } from "./suites.ts";

await declareBrowserSuites("WebKitGTK", launchWebKit, [
  { thread: "page", isolated: true, suites: ENGINE_SUITES },
  { thread: "worker", isolated: false, suites: ENGINE_SUITES },
]);
