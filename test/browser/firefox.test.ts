import { launchFirefox } from "../harness/browsers/firefox.ts";
import { declareBrowserSuites } from "./suites.ts";

await declareBrowserSuites("Firefox", launchFirefox);
