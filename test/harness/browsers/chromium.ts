import { chromium } from "playwright-core";
import {
  executable,
  firstMatch,
  killGroup,
  type Launch,
  profileDirectory,
  start,
  type Tab,
} from "./browser.ts";

export const FLAGS = [
  "--headless",
  "--no-sandbox",
  "--disable-gpu",
  "--disable-quic",
  "--disable-dev-shm-usage",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
];

/** Chromium over the DevTools protocol. It is started by hand, so that it can be killed by hand. */
export const launchChromium: Launch = async (options = {}) => {
  const path = executable("chromium", "chromium");
  const profile = profileDirectory(options.profile);
  const child = start(path, [
    ...FLAGS,
    "--remote-debugging-port=0",
    `--user-data-dir=${profile.path}`,
    "about:blank",
  ]);
  const [, address = ""] = await firstMatch(child.stderr, /DevTools listening on (ws:\S+)/);
  const browser = await chromium.connectOverCDP(address);
  const [context] = browser.contexts();
  if (!context) throw new Error("BUG: Chromium has no default context");
  return {
    name: "Chromium",
    async open(url) {
      const page = await context.newPage();
      const messages: string[] = [];
      page.on("console", (message) => messages.push(message.text()));
      page.on("pageerror", (error) => messages.push(String(error.stack ?? error)));
      page.on("crash", () => messages.push("the tab has crashed"));
      await page.goto(url);
      return {
        console: messages,
        input: {
          click: (x, y) => page.mouse.click(x, y),
          type: (text) => page.keyboard.type(text),
          press: (keys) => page.keyboard.press(keys),
          chooseFile: (selector, path) => page.setInputFiles(selector, path),
        },
        run: (script, argument) =>
          page.evaluate(`(${script})(${JSON.stringify(argument)})`) as ReturnType<Tab["run"]>,
        reload: async () => void (await page.reload()),
        close: () => page.close(),
        async limitStorage(bytes) {
          const session = await context.newCDPSession(page);
          const limit = bytes === undefined ? {} : { quotaSize: bytes };
          const { origin } = new URL(page.url());
          await session.send("Storage.overrideQuotaForOrigin", { origin, ...limit });
          // The limit ends with its session.
          if (bytes === undefined) await session.detach();
        },
        async crash() {
          const crashed = page.waitForEvent("crash");
          const session = await context.newCDPSession(page);
          // It is never answered: nobody is left to.
          session.send("Page.crash").catch(() => {});
          await crashed;
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
