import { launchChromium } from "../harness/browsers/chromium.ts";
import { declareBrowserSuites } from "./suites.ts";

await declareBrowserSuites("Chromium", launchChromium);
