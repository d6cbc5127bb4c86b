// Several tabs and workers of one origin on one database, in a real browser.

import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { Browser, Tab } from "../harness/browsers/browser.ts";
import { launchChromium } from "../harness/browsers/chromium.ts";
import { type Bundle, bundle } from "../harness/bundle.ts";
import { startServer, type TestServer } from "../harness/server.ts";
import type {} from "./tabs-globals.d.ts";

const PAGE = '<!doctype html><script type="module" src="/test/browser/tabs-page.js"></script>';

let files: Bundle;
let browser: Browser;

beforeAll(async () => {
  const bundled = await bundle(["test/browser/tabs-page.ts"]);
  files = new Map([...bundled, ["/tabs.html", PAGE]]);
  browser = await launchChromium();
});
afterAll(() => browser[Symbol.asyncDispose]());

describe.each([
  { title: "cross-origin isolated", isolated: true },
  { title: "not isolated", isolated: false },
])("tabs, $title", ({ isolated }) => {
  let server: TestServer;
  const tabs: Tab[] = [];

  beforeAll(async () => {
    server = await startServer({ files, isolated });
  });
  afterAll(async () => {
    await Promise.all(tabs.map((tab) => tab.close()));
    await server[Symbol.asyncDispose]();
  });

  const openTab = async (): Promise<Tab> => {
    const tab = await browser.open(`${server.origin}/tabs.html`);
    tabs.push(tab);
    return tab;
  };

  const openPoolIn = (tab: Tab, name: string): Promise<string> =>
    tab.run(async (path) => {
      globalThis.pool = await openPool(path);
      return pool.capabilities.role;
    }, name);

  test("a second tab opens the same name, reads and writes", async () => {
    const [first, second] = [await openTab(), await openTab()];
    expect(await openPoolIn(first, "two.db")).toBe("owner");
    await first.run(async () => {
      await pool.execute("CREATE TABLE t(x)");
      await pool.execute("INSERT INTO t VALUES (?)", ["first"]);
    }, undefined);
    expect(await openPoolIn(second, "two.db")).toBe("client");
    const seen = await second.run(async () => {
      await pool.write(async (db) => {
        await db.execute("INSERT INTO t VALUES (?)", ["second"]);
      });
      return [await pool.query("SELECT x FROM t ORDER BY rowid"), pool.capabilities.crossTab];
    }, undefined);
    expect(seen).toEqual([[{ x: "first" }, { x: "second" }], true]);
    expect(await first.run(() => pool.queryValue("SELECT count(*) FROM t"), undefined)).toBe(2);
  });

  test("two pools of one page, and a worker of the page, share a database", async () => {
    const tab = await openTab();
    const result = await tab.run(async () => {
      const one = await openPool("shared.db");
      const two = await openPool("shared.db", { maxConnections: 2 });
      await one.execute("CREATE TABLE t(x)");
      globalThis.worker = newWorker();
      await worker.run(async () => {
        globalThis.pool = await openPool("shared.db", { threads: 0 });
      }, undefined);
      await Promise.all(
        Array.from({ length: 20 }, (_, i) =>
          (i % 2 ? one : two).execute("INSERT INTO t VALUES (?)", [i]),
        ),
      );
      const insert = async () => {
        for (let i = 0; i < 10; i++) await pool.execute("INSERT INTO t VALUES (?)", [i]);
      };
      await worker.run(insert, undefined);
      await one.close();
      const counts = [await two.queryValue("SELECT count(*) FROM t")];
      await two.close();
      // The worker is all there is: SQLite runs in it.
      counts.push(await worker.run(() => pool.queryValue("SELECT count(*) FROM t"), undefined));
      const role = await worker.run(() => pool.capabilities.role, undefined);
      await worker.run(() => pool.deleteDatabase(), undefined);
      return { counts, role };
    }, undefined);
    expect(result).toEqual({ counts: [30, 30], role: "owner" });
  });

  test("another tab takes over when the owner is closed, without an error for who writes", async () => {
    const [first, second] = [await openTab(), await openTab()];
    await openPoolIn(first, "close.db");
    await first.run(() => pool.execute("CREATE TABLE t(x)"), undefined);
    await openPoolIn(second, "close.db");
    await first.run(() => pool.close(), undefined);
    const result = await second.run(async () => {
      await pool.execute("INSERT INTO t VALUES (1)");
      return [await pool.queryValue("SELECT count(*) FROM t"), pool.capabilities.role];
    }, undefined);
    expect(result).toEqual([1, "owner"]);
  });
});
