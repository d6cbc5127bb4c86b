import puppeteer from "puppeteer-core";
import { executable, killGroup, type Launch, profileDirectory, type Tab } from "./browser.ts";

/** Firefox over WebDriver BiDi. */
export const launchFirefox: Launch = async (options = {}) => {
  const executablePath = executable("firefox-esr", "firefox-esr");
  const profile = profileDirectory(options.profile);
  const browser = await puppeteer.launch({
    browser: "firefox",
    executablePath,
    headless: true,
    userDataDir: profile.path,
  });
  const child = browser.process();
  if (!child) throw new Error("BUG: Firefox was not started here");
  return {
    name: "Firefox",
    async open(url) {
      const page = await browser.newPage();
      const messages: string[] = [];
      page.on("console", (message) => messages.push(message.text()));
      page.on("pageerror", (error) => messages.push(String(error)));
      await page.goto(url);
      return {
        console: messages,
        run: (script, argument) => page.evaluate(`(${script})(${JSON.stringify(argument)})`),
        reload: async () => void (await page.reload()),
        close: () => page.close(),
      } as Tab;
    },
    crash: () => killGroup(child),
    async [Symbol.asyncDispose]() {
      await browser.close().catch(() => {});
      await killGroup(child);
      profile.remove();
    },
  };
};
