import puppeteer, { type ElementHandle, type KeyInput, type Page } from "puppeteer-core";
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
        input: {
          click: (x, y) => page.mouse.click(x, y),
          type: (text) => page.keyboard.type(text),
          press: (keys) => press(page, keys),
          chooseFile: async (selector, path) => {
            const input = (await page.$(selector)) as ElementHandle<HTMLInputElement> | null;
            await input?.uploadFile(path);
          },
        },
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

async function press(page: Page, keys: string): Promise<void> {
  const all = keys.split("+") as KeyInput[];
  for (const key of all) await page.keyboard.down(key);
  for (const key of all.toReversed()) await page.keyboard.up(key);
}
