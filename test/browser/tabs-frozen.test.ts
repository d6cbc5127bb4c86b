// Tabs that stand still: frozen in the background, or put aside for the way back.

import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { Browser } from "../harness/browsers/browser.ts";
import { launchChromiumWithBackground } from "../harness/browsers/chromium-background.ts";
import { inWholeMatrix } from "../harness/matrix.ts";
import { startTabs, type Tabs } from "./tabs-harness.ts";

let browser: Browser;

beforeAll(async () => {
  browser = await launchChromiumWithBackground();
});
afterAll(() => browser[Symbol.asyncDispose]());

describe.each([
  { title: "cross-origin isolated", isolated: true },
  ...inWholeMatrix([{ title: "not isolated", isolated: false }]),
])("tabs, $title", ({ isolated }) => {
  let tabs: Tabs;

  beforeAll(async () => {
    tabs = await startTabs(browser, isolated);
  });
  afterAll(() => tabs[Symbol.asyncDispose]());

  test("another tab takes over from an owner that is frozen, which comes back as a client", async () => {
    const { tab: first } = await tabs.openPool("frozen.db");
    await first.run(async () => {
      await pool.execute("CREATE TABLE t(x)");
      await pool.execute("INSERT INTO t VALUES ('before')");
      // A transaction that is open when the tab is frozen.
      globalThis.leased = await pool.acquire();
      await leased.execute("BEGIN IMMEDIATE");
      await leased.execute("INSERT INTO t VALUES ('lost')");
    }, undefined);
    const { tab: second, role } = await tabs.openPool("frozen.db");
    expect(role).toBe("client");
    // The second tab has put the first one into the background.
    await first.freeze?.(true);
    const elsewhere = await second.run(async () => {
      await pool.execute("INSERT INTO t VALUES ('second')");
      return [await pool.query("SELECT x FROM t"), pool.capabilities.role];
    }, undefined);
    expect(elsewhere).toEqual([[{ x: "before" }, { x: "second" }], "owner"]);
    await first.freeze?.(false);
    const back = await first.run(async () => {
      const error = await leased.execute("INSERT INTO t VALUES ('lost too')").catch((e) => e);
      await leased.release();
      const rows = await pool.query("SELECT x FROM t");
      return { code: error.code, mayHaveRun: error.mayHaveRun, rows, role: pool.capabilities.role };
    }, undefined);
    expect(back).toEqual({
      code: "WORKER_CRASHED",
      mayHaveRun: false,
      rows: [{ x: "before" }, { x: "second" }],
      role: "client",
    });
  });

  test("the write lock of a client that is frozen in a transaction is free for others", async () => {
    const { tab: first } = await tabs.openPool("frozen-writer.db");
    await first.run(() => pool.execute("CREATE TABLE t(x)"), undefined);
    const { tab: second } = await tabs.openPool("frozen-writer.db");
    await second.run(async () => {
      globalThis.leased = await pool.acquire();
      await leased.execute("BEGIN IMMEDIATE");
      await leased.execute("INSERT INTO t VALUES ('lost')");
    }, undefined);
    await tabs.open();
    await second.freeze?.(true);
    const count = await first.run(async () => {
      await pool.execute("INSERT INTO t VALUES ('first')");
      return pool.queryValue("SELECT count(*) FROM t");
    }, undefined);
    expect(count).toBe(1);
    await second.freeze?.(false);
    expect(await second.run(() => pool.queryValue("SELECT count(*) FROM t"), undefined)).toBe(1);
  });

  test("a page that is put aside lets go of the database, and takes part again when it is back", async () => {
    const { tab: first, role } = await tabs.openPool("aside.db");
    expect(role).toBe("owner");
    await first.run(() => pool.execute("CREATE TABLE t(x)"), undefined);
    const { tab: second } = await tabs.openPool("aside.db");
    await first.leave?.(`${tabs.server.origin}/blank`);
    await second.run(() => pool.execute("INSERT INTO t VALUES (1)"), undefined);
    expect(await second.run(() => pool.capabilities.role, undefined)).toBe("owner");
    await first.back?.();
    const back = await first.run(async () => {
      // The browser keeps a page as it likes; where it did not, this is a new one without a pool.
      globalThis.pool ??= await openPool("aside.db");
      await pool.execute("INSERT INTO t VALUES (2)");
      return pool.queryValue("SELECT count(*) FROM t");
    }, undefined);
    expect(back).toBe(2);
  });
});
