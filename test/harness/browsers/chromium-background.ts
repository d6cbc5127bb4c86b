import puppeteer from "puppeteer-core";
import { executable, killGroup, type Launch, profileDirectory, type Tab } from "./browser.ts";
import { FLAGS } from "./chromium.ts";

/**
 * Chromium whose tabs go to the background when another one is opened, and can be frozen there. Playwright
 * keeps every tab in the foreground.
 */
export const launchChromiumWithBackground: Launch = async (options = {}) => {
  const profile = profileDirectory(options.profile);
  const browser = await puppeteer.launch({
    executablePath: executable("chromium", "chromium"),
    headless: true,
    args: FLAGS,
    ignoreDefaultArgs: ["--disable-back-forward-cache"],
    userDataDir: profile.path,
  });
  const child = browser.process();
  if (!child) throw new Error("BUG: Chromium was not started here");
  return {
    name: "Chromium",
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
        async freeze(isFrozen) {
          const session = await page.createCDPSession();
          const state = isFrozen ? "frozen" : "active";
          await session.send("Page.setWebLifecycleState", { state });
          await session.detach();
        },
        async leave(elsewhere) {
          await page.goto(elsewhere);
        },
        async back() {
          await page.goBack();
        },
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
