// Watches of several tabs, while tabs come, go, and die before they have told of what they committed.

import { describe, expect, test } from "vitest";
import type { Tab } from "../harness/browsers/browser.ts";
import { launchChromium } from "../harness/browsers/chromium.ts";
import { ISOLATIONS, useTabs } from "./tabs-harness.ts";

describe.each(ISOLATIONS)("tabs, isolated: $isolated", (given) => {
  const tabs = useTabs(launchChromium, given.isolated);

  async function openOwner(name: string): Promise<Tab> {
    const { tab, role } = await tabs.openPool(name);
    expect(role).toBe("owner");
    await tab.run(() => pool.execute("CREATE TABLE t(x)"), undefined);
    return tab;
  }

  /** Watches the table from now on; `until` resolves when it has so many rows. */
  async function watchIn(tab: Tab): Promise<{ until(count: number): Promise<void> }> {
    await tab.run(async () => {
      const rows = pool.watch("SELECT x FROM t");
      globalThis.heard = (await rows.next()).value ?? [];
      const follow = async () => {
        for await (const latest of rows) globalThis.heard = latest;
      };
      globalThis.watched = follow();
    }, undefined);
    return {
      until: (count) =>
        tab.run(async (n) => {
          while (heard.length !== n) await new Promise((turn) => setTimeout(turn, 10));
        }, count),
    };
  }

  /** The tab tells nobody of its commits, as one that ends in that moment. */
  const silence = (tab: Tab) =>
    tab.run(() => {
      const { postMessage } = BroadcastChannel.prototype;
      BroadcastChannel.prototype.postMessage = function (message) {
        if (message.type !== "change") postMessage.call(this, message);
      };
    }, undefined);

  test("a watch goes on when the owner dies, with what others commit before and after", async () => {
    const owner = await openOwner("dies.db");
    const watcher = await tabs.open();
    await watcher.run(async () => {
      // What it sets up is a state of each connection, which goes with its thread.
      globalThis.pool = await openPool("dies.db", {
        onConnect: async (db) => void (await db.execute("CREATE TEMP TABLE own(x)")),
      });
    }, undefined);
    const { tab: writer } = await tabs.openPool("dies.db");
    const { until } = await watchIn(watcher);
    await writer.run(() => pool.execute("INSERT INTO t VALUES (1)"), undefined);
    await until(1);
    await owner.crash?.();
    await writer.run(() => pool.execute("INSERT INTO t VALUES (2)"), undefined);
    await until(2);
    await writer.close();
    await watcher.run(() => pool.execute("INSERT INTO t VALUES (3)"), undefined);
    await until(3);
  });

  test("what a client has committed is told of, although it ends before it tells", async () => {
    const owner = await openOwner("mute-client.db");
    const { tab: client } = await tabs.openPool("mute-client.db");
    const { until } = await watchIn(owner);
    await silence(client);
    await client.run(() => pool.execute("INSERT INTO t VALUES (1)"), undefined);
    await client.close();
    await until(1);
  });

  test("what an owner has committed is told of, although it ends before it tells", async () => {
    const owner = await openOwner("mute-owner.db");
    const { tab: client } = await tabs.openPool("mute-owner.db");
    const { until } = await watchIn(client);
    await silence(owner);
    await owner.run(() => pool.execute("INSERT INTO t VALUES (1)"), undefined);
    await owner.crash?.();
    await until(1);
  });

  test("what a tab commits before it knows of others is told of once it does", async () => {
    const owner = await tabs.open();
    await owner.run(async () => {
      const gate = new Promise<void>((open) => {
        globalThis.openGate = open;
      });
      // As if its page were busy, while its worker answers.
      const { postMessage } = BroadcastChannel.prototype;
      BroadcastChannel.prototype.postMessage = function (message) {
        if (message.type !== "here") postMessage.call(this, message);
        else void gate.then(() => postMessage.call(this, message));
      };
      globalThis.pool = await openPool("unheard.db");
      await pool.execute("CREATE TABLE t(x)");
    }, undefined);
    const { until } = await watchIn(owner);
    const { tab: client } = await tabs.openPool("unheard.db");
    await client.run(() => pool.execute("INSERT INTO t VALUES (1)"), undefined);
    await owner.run(() => openGate(), undefined);
    await until(1);
  });

  test("a watch of a client sees import(), and ends with the pool", async () => {
    const owner = await openOwner("import.db");
    const { tab: client } = await tabs.openPool("import.db");
    const { until } = await watchIn(client);
    await owner.run(async () => {
      const bytes = await pool.export();
      await pool.execute("INSERT INTO t VALUES (1), (2)");
      globalThis.heard = [bytes];
    }, undefined);
    await until(2);
    await owner.run(() => pool.import(heard[0] as Uint8Array), undefined);
    await until(0);
    await client.run(() => pool.close(), undefined);
    expect(await client.run(() => watched, undefined)).toBeUndefined();
  });
});
