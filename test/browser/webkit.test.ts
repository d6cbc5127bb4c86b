import { launchWebKit } from "../harness/browsers/webkit.ts";
import { declareBrowserSuites } from "./suites.ts";

await declareBrowserSuites("WebKitGTK", launchWebKit);
