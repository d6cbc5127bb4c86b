// What becomes of the calls of a tab when the owner dies, where its connections have a state of their own.

import { describe, expect, test } from "vitest";
import type { Tab } from "../harness/browsers/browser.ts";
import { launchChromium } from "../harness/browsers/chromium.ts";
import { ISOLATIONS, useTabs } from "./tabs-harness.ts";

describe.each(ISOLATIONS)("tabs, isolated: $isolated", (given) => {
  const tabs = useTabs(launchChromium, given.isolated);

  /** An owner, and a client whose connections are lost with their thread. */
  async function ownerAndClient(name: string): Promise<{ owner: Tab; client: Tab }> {
    const { tab: owner, role } = await tabs.openPool(name);
    expect(role).toBe("owner");
    await owner.run(() => pool.execute("CREATE TABLE t(x)"), undefined);
    const client = await tabs.open();
    await client.run(async (path) => {
      globalThis.pool = await openPool(path, {
        onConnect: async (db) => void (await db.execute("CREATE TEMP TABLE own(x)")),
      });
    }, name);
    return { owner, client };
  }

  test("reads in flight are repeated", async () => {
    const { owner, client } = await ownerAndClient("repeated.db");
    await client.run(() => {
      const sql =
        "WITH RECURSIVE c(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM c LIMIT 2000000) SELECT count(*) FROM c";
      globalThis.watched = Promise.all([pool.queryValue(sql), pool.queryValue(sql)]);
    }, undefined);
    await owner.crash?.();
    expect(await client.run(() => watched, undefined)).toEqual([2_000_000, 2_000_000]);
  });

  test("writes that wait for their turn go on", async () => {
    const { owner, client } = await ownerAndClient("waiting.db");
    await owner.run(async () => {
      globalThis.leased = await pool.acquire();
      await leased.execute("BEGIN IMMEDIATE");
      await leased.execute("INSERT INTO t VALUES ('lost')");
    }, undefined);
    await client.run(() => {
      globalThis.watched = Promise.all([
        pool.write((db) => db.execute("INSERT INTO t VALUES (1)")),
        pool.execute("INSERT INTO t VALUES (2)"),
        pool.transaction((db) => db.execute("INSERT INTO t VALUES (3)")),
        pool.batch([{ sql: "INSERT INTO t VALUES (4)" }]),
      ]);
    }, undefined);
    await owner.crash?.();
    const rows = await client.run(async () => {
      await watched;
      return pool.query("SELECT x FROM t ORDER BY x");
    }, undefined);
    expect(rows).toEqual([{ x: 1 }, { x: 2 }, { x: 3 }, { x: 4 }]);
  });
});
