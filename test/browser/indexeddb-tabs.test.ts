// Databases in IndexedDB when tabs come and go, and when the browser is killed.

import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, onTestFinished, test } from "vitest";
import { launchChromium } from "../harness/browsers/chromium.ts";
import { launchFirefox } from "../harness/browsers/firefox.ts";
import { launchWebKit } from "../harness/browsers/webkit.ts";
import { inWholeMatrix } from "../harness/matrix.ts";
import { startTabs, withTabs } from "./tabs-harness.ts";

const KILLS = 2;

describe.each([
  ["Chromium", launchChromium],
  ["Firefox", launchFirefox],
  ["WebKitGTK", launchWebKit],
] as const)("databases in IndexedDB in %s", (_, launch) => {
  test("are shared by tabs, and go on when the owner's tab is closed", async () => {
    await withTabs(launch, false, async ({ open }) => {
      const openHere = async () => {
        globalThis.pool = await openPool("shared.db", { storage: "indexeddb" });
        return [pool.capabilities.role, pool.stats().storage];
      };
      const [first, second] = [await open(), await open()];
      expect(await first.run(openHere, undefined)).toEqual(["owner", "indexeddb"]);
      expect(await second.run(openHere, undefined)).toEqual(["client", "indexeddb"]);
      await first.run(() => pool.executeScript("CREATE TABLE t (a PRIMARY KEY)"), undefined);
      await second.run(() => pool.execute("INSERT INTO t VALUES (1)").then(() => {}), undefined);
      await first.close();
      const rows = await second.run(async () => {
        for (;;) {
          try {
            await pool.execute("INSERT OR IGNORE INTO t VALUES (2)");
            return pool.query("SELECT a FROM t");
          } catch (error) {
            // It was on its way when the owner went.
            if (!(error as { retriable?: boolean }).retriable) throw error;
          }
        }
      }, undefined);
      expect(rows).toEqual([{ a: 1 }, { a: 2 }]);
    });
  });
});

describe.each([
  ["Chromium", launchChromium] as const,
  ...inWholeMatrix([["Firefox", launchFirefox] as const]),
])("%s, killed while it commits to IndexedDB", (_, launch) => {
  test("loses nothing that was acknowledged", async () => {
    const profile = mkdtempSync(join(tmpdir(), "sqlite-wasm-pool-profile-"));
    onTestFinished(() => rmSync(profile, { recursive: true, force: true, maxRetries: 5 }));
    const browsers = [await launch({ profile })];
    // One server for all: the data belongs to its origin.
    await using tabs = await startTabs(
      {
        name: "",
        open: (url) => browsers[0].open(url),
        crash: async () => {},
        async [Symbol.asyncDispose]() {},
      },
      false,
    );
    const acknowledged = new Set<number>();
    let onAcknowledged = () => {};
    tabs.server.onReport("acknowledged", (id) => {
      acknowledged.add(Number(id));
      onAcknowledged();
    });
    try {
      for (let kill = 0; kill < KILLS; kill++) {
        const tab = await tabs.open();
        const enough = acknowledged.size + 20 + kill * 7;
        const reached = new Promise<void>((resolve) => {
          onAcknowledged = () => acknowledged.size >= enough && resolve();
        });
        const running = tab.run(
          async (first) => {
            globalThis.pool = await openPool("killed.db", { storage: "indexeddb" });
            await pool.execute("CREATE TABLE IF NOT EXISTS t (id INTEGER PRIMARY KEY, filling)");
            for (let id = first; ; id++) {
              await pool.execute("INSERT INTO t VALUES (?, randomblob(?))", [
                id,
                (id * 7919) % 50_000,
              ]);
              if (id % 13 === 0) await pool.checkpoint("truncate");
              void fetch("/report/acknowledged", { method: "POST", body: String(id) });
            }
          },
          Math.max(0, ...acknowledged) + 1000,
        );
        await Promise.race([reached, running]);
        await browsers[0].crash();
        await running.catch(() => {});
        browsers[0] = await launch({ profile });
        const { ids, verdict } = await (await tabs.open()).run(async () => {
          globalThis.pool = await openPool("killed.db", { storage: "indexeddb" });
          const rows = await pool.query<{ id: number }>("SELECT id FROM t");
          const result = {
            ids: rows.map(({ id }) => id),
            verdict: await pool.queryValue("PRAGMA integrity_check"),
          };
          await pool.close();
          return result;
        }, undefined);
        expect(verdict).toBe("ok");
        expect([...acknowledged].filter((id) => !ids.includes(id))).toEqual([]);
      }
    } finally {
      await browsers[0][Symbol.asyncDispose]();
    }
  });
});
