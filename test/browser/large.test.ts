// A database larger than a page should hold: it travels piece by piece.

import { expect, test } from "vitest";
import { launchChromium } from "../harness/browsers/chromium.ts";
import { launchFirefox } from "../harness/browsers/firefox.ts";
import { inWholeMatrix } from "../harness/matrix.ts";
import { withTabs } from "./tabs-harness.ts";

const MEGABYTES = 60;

test.each([
  { name: "Chromium", launch: launchChromium },
  ...inWholeMatrix([{ name: "Firefox", launch: launchFirefox }]),
])(
  "a large database is exported and imported in pieces, in $name",
  async ({ launch }) => {
    await withTabs(launch, true, async (tabs) => {
      const { tab } = await tabs.openPool("large/source.db");
      const result = await tab.run(async (megabytes) => {
        await pool.execute("CREATE TABLE t (a)");
        for (let i = 0; i < megabytes; i += 20) {
          await pool.execute(
            `WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 20)
           INSERT INTO t SELECT zeroblob(1000000) FROM n`,
          );
        }
        let longest = 0;
        let total = 0;
        const measured = new TransformStream<Uint8Array, Uint8Array>({
          transform(piece, controller) {
            longest = Math.max(longest, piece.length);
            total += piece.length;
            controller.enqueue(piece);
          },
        });
        const copy = await openPool("large/copy.db");
        await copy.import(pool.exportStream().pipeThrough(measured));
        const count = await copy.queryValue("SELECT sum(length(a)) FROM t");
        await copy.deleteDatabase();
        await pool.deleteDatabase();
        return { longest, total, count };
      }, MEGABYTES);
      expect(result.count).toBe(MEGABYTES * 1_000_000);
      expect(result.total).toBeGreaterThan(MEGABYTES * 1_000_000);
      expect(result.longest).toBeLessThanOrEqual(4 * 1024 * 1024);
    });
  },
  240_000,
);
