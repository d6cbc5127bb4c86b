// An origin that may store no more: what was asked for fails, what was there stays, and when there is room
// again, the pool goes on.

import { describe, expect, test } from "vitest";
import { launchChromium } from "../harness/browsers/chromium.ts";
import { ISOLATIONS, withTabs } from "./tabs-harness.ts";

describe.each(ISOLATIONS)("isolated: $isolated", ({ isolated }) => {
  test("a full origin is a StorageError of the reason quota, and the database is intact", async () => {
    await withTabs(launchChromium, isolated, async (tabs) => {
      const { tab } = await tabs.openPool("full.db");
      const fill = (rows: number) =>
        tab.run(async (rows) => {
          const text = `WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ?)
            INSERT INTO t SELECT hex(randomblob(2000)) FROM n`;
          try {
            return (await pool.execute(text, [rows])).changes;
          } catch (error) {
            const { name, reason, code, message } = error as Error & Record<string, unknown>;
            return { name, reason, code, message };
          }
        }, rows);
      await tab.run(() => pool.execute("CREATE TABLE t (a)"), undefined);
      const room = await tab.run(() => estimateStorage(), undefined);
      expect(room.quotaBytes).toBeGreaterThan(room.usageBytes);
      expect(room.usageBytes).toBeGreaterThan(0);
      const persisted = await tab.run(() => persistStorage(), undefined);
      expect((await tab.run(() => estimateStorage(), undefined)).persisted).toBe(persisted);
      expect(await fill(100)).toBe(100);
      await tab.limitStorage?.(4_000_000);
      expect(await fill(5_000)).toMatchObject({ name: "StorageError", reason: "quota" });
      const state = () =>
        tab.run(
          async () => [
            await pool.queryValue("SELECT count(*) FROM t"),
            await pool.queryValue("PRAGMA integrity_check"),
          ],
          undefined,
        );
      expect(await state()).toEqual([100, "ok"]);
      await tab.limitStorage?.(undefined);
      expect(await fill(5_000)).toBe(5_000);
      expect(await state()).toEqual([5_100, "ok"]);
      await tab.run(() => pool.deleteDatabase(), undefined);
    });
  }, 120_000);
});
