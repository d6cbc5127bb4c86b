// A browser with several tabs of one origin, in which the library is at hand.

import { afterAll, afterEach, beforeAll } from "vitest";
import type { Browser, Launch, Tab } from "../harness/browsers/browser.ts";
import { type Bundle, bundle } from "../harness/bundle.ts";
import { inWholeMatrix } from "../harness/matrix.ts";
import { startServer, type TestServer } from "../harness/server.ts";
import type {} from "./tabs-globals.d.ts";

/** With shared memory, and without. */
export const ISOLATIONS: readonly { readonly isolated: boolean }[] = [
  { isolated: true },
  ...inWholeMatrix([{ isolated: false }]),
];

const PAGE = '<!doctype html><script type="module" src="/test/browser/tabs-page.js"></script>';

export interface Tabs extends AsyncDisposable {
  readonly server: TestServer;
  open(): Promise<Tab>;
  /** Opens a tab with a pool on the database, and tells the pool's role. */
  openPool(name: string): Promise<{ tab: Tab; role: string }>;
  closeAll(): Promise<void>;
}

let bundling: Promise<Bundle> | undefined;

/** Tabs of one origin, with shared memory or without. */
export async function startTabs(browser: Browser, isolated: boolean): Promise<Tabs> {
  bundling ??= bundle(["test/browser/tabs-page.ts"]);
  const bundled = await bundling;
  const files = new Map([...bundled, ["/tabs.html", PAGE] as const]);
  const server = await startServer({ files, isolated, keepsPages: true });
  const tabs: Tab[] = [];
  const open = async () => {
    const tab = await browser.open(`${server.origin}/tabs.html`);
    tabs.push(tab);
    return tab;
  };
  const closeAll = async () => {
    await Promise.all(tabs.splice(0).map((tab) => tab.close().catch(() => {})));
  };
  return {
    server,
    open,
    async openPool(name) {
      const tab = await open();
      const role = await tab.run(async (path) => {
        globalThis.pool = await openPool(path);
        return pool.capabilities.role;
      }, name);
      return { tab, role };
    },
    closeAll,
    async [Symbol.asyncDispose]() {
      await closeAll();
      await server[Symbol.asyncDispose]();
    },
  };
}

/** Tabs, until the end of each test, of a browser that is there for the suite this is called in. */
export function useTabs(
  launch: Launch,
  isolated: boolean,
): Pick<Tabs, "server" | "open" | "openPool"> {
  let browser: Browser | undefined;
  let tabs: Tabs | undefined;
  const started = () => {
    if (tabs === undefined) throw new Error("BUG: the tests have not begun");
    return tabs;
  };
  beforeAll(async () => {
    browser = await launch();
    tabs = await startTabs(browser, isolated);
  });
  afterEach(() => tabs?.closeAll());
  afterAll(async () => {
    await tabs?.[Symbol.asyncDispose]();
    await browser?.[Symbol.asyncDispose]();
  });
  return {
    get server() {
      return started().server;
    },
    open: () => started().open(),
    openPool: (name) => started().openPool(name),
  };
}

/** Runs `body` with tabs of a browser of their own. */
export async function withTabs(
  launch: Launch,
  isolated: boolean,
  body: (tabs: Tabs) => Promise<void>,
): Promise<void> {
  await using browser = await launch();
  await using tabs = await startTabs(browser, isolated);
  await body(tabs);
}
