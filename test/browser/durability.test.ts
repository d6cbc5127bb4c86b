// Every commit that a page has heard of is there afterwards, whatever ends the page in the middle of more.
// Heard of is what it told the server.

import { describe, expect, test } from "vitest";
import type { Browser, Tab } from "../harness/browsers/browser.ts";
import { profileDirectory } from "../harness/browsers/browser.ts";
import { launchChromium } from "../harness/browsers/chromium.ts";
import { launchFirefox } from "../harness/browsers/firefox.ts";
import { bundle } from "../harness/bundle.ts";
import { inWholeMatrix } from "../harness/matrix.ts";
import { startServer } from "../harness/server.ts";
import type {} from "./tabs-globals.d.ts";

const PAGE = '<!doctype html><script type="module" src="/test/browser/tabs-page.js"></script>';
const COMMITS_BEFORE = 40;

describe.each([
  { name: "Chromium", launch: launchChromium, isolated: true },
  ...inWholeMatrix([{ name: "Chromium", launch: launchChromium, isolated: false }]),
  ...inWholeMatrix([{ name: "Firefox", launch: launchFirefox, isolated: true }]),
])("$name, isolated: $isolated", ({ launch, isolated }) => {
  test("a worker, a page, a tab and the browser end in the middle of commits", async () => {
    const bundled = await bundle(["test/browser/tabs-page.ts"]);
    const files = new Map([...bundled, ["/tabs.html", PAGE] as const]);
    await using server = await startServer({ files, isolated });
    const profile = profileDirectory();
    const url = `${server.origin}/tabs.html`;
    const heardOf: number[] = [];
    let onHeard = () => {};
    server.onReport("commit", (body) => {
      heardOf.push(Number(body));
      onHeard();
    });

    /** Writes in `tab` until it ends; resolves when some commits have been heard of. */
    const write = async (tab: Tab) => {
      const enough = heardOf.length + COMMITS_BEFORE;
      const heard = new Promise<void>((resolve) => {
        onHeard = () => heardOf.length >= enough && resolve();
      });
      await tab.run(async () => {
        globalThis.pool = await openPool("durable.db", { threads: 2 });
        await pool.execute("CREATE TABLE IF NOT EXISTS t (n INTEGER PRIMARY KEY, pad)");
        let n = (await pool.queryValue<number>("SELECT coalesce(max(n), 0) FROM t")) ?? 0;
        const goOn = async () => {
          for (;;) {
            await pool.execute("INSERT INTO t VALUES (?, hex(randomblob(3000)))", [++n]);
            // Not awaited: the next commit is under way while this one is told of.
            void fetch("/report/commit", { method: "POST", body: String(n) }).catch(() => {});
          }
        };
        void goOn().catch(() => {});
      }, undefined);
      await heard;
    };

    const check = async (tab: Tab) => {
      const { all, integrity } = await tab.run(async () => {
        const pool = await openPool("durable.db");
        const rows = await pool.query<{ n: number }>("SELECT n FROM t ORDER BY n");
        const integrity = await pool.queryValue("PRAGMA integrity_check");
        await pool.close();
        return { all: rows.map(({ n }) => n), integrity };
      }, undefined);
      expect(integrity).toBe("ok");
      const there = new Set(all);
      expect(heardOf.filter((n) => !there.has(n))).toEqual([]);
      // A commit is whole: none is there without those before it.
      expect(all.length).toBe(all.at(-1));
    };

    let browser: Browser = await launch({ profile: profile.path });
    try {
      let tab = await browser.open(url);
      await write(tab);
      await tab.run(() => endWorkers(), undefined);
      await tab.reload();
      await check(tab);
      await write(tab);
      await tab.reload();
      await check(tab);
      await write(tab);
      await tab.close();
      tab = await browser.open(url);
      await check(tab);
      await write(tab);
      await browser.crash();
      await browser[Symbol.asyncDispose]();
      browser = await launch({ profile: profile.path });
      await check(await browser.open(url));
      expect(heardOf.length).toBeGreaterThanOrEqual(4 * COMMITS_BEFORE);
    } finally {
      await browser[Symbol.asyncDispose]();
      profile.remove();
    }
  }, 180_000);
});
