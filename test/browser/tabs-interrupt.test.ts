// Statements of one tab that a worker of another tab runs, and that nobody wants any more.

import { describe, expect, test } from "vitest";
import { launchChromium } from "../harness/browsers/chromium.ts";
import { launchFirefox } from "../harness/browsers/firefox.ts";
import { inWholeMatrix } from "../harness/matrix.ts";
import { FOREVER } from "../helpers/forever.ts";
import { useTabs } from "./tabs-harness.ts";

describe.each([
  { name: "Chromium", launch: launchChromium, isolated: true },
  { name: "Chromium", launch: launchChromium, isolated: false },
  ...inWholeMatrix([{ name: "Firefox", launch: launchFirefox, isolated: true }]),
])("tabs of $name, isolated: $isolated", ({ launch, isolated }) => {
  const tabs = useTabs(launch, isolated);

  /** A tab that is the owner, with one thread, and one that is not. */
  async function ownerAndClient(name: string) {
    const owner = await tabs.open();
    await owner.run(async (path) => {
      globalThis.pool = await openPool(path, { threads: 1 });
      await pool.execute("CREATE TABLE t(x)");
    }, name);
    const { tab: client } = await tabs.openPool(name);
    return { owner, client };
  }

  test("every tab says whether its statements can be interrupted", async () => {
    const { owner, client } = await ownerAndClient("says.db");
    for (const tab of [owner, client]) {
      expect(await tab.run(() => pool.capabilities.interrupt, undefined)).toBe(isolated);
    }
  });

  test("the timeout of a client's statement ends it", async () => {
    const { owner, client } = await ownerAndClient("timeout.db");
    const code = await client.run(
      (sql) => pool.query(sql, [], { timeout: 50 }).catch(({ code }) => code),
      FOREVER,
    );
    expect(code).toBe("SQLITE_INTERRUPT");
    expect(await owner.run(() => pool.queryValue("SELECT count(*) FROM t"), undefined)).toBe(0);
  });

  test.runIf(isolated)("an abort and interrupt() stop what the owner runs", async () => {
    const { owner, client } = await ownerAndClient("stop.db");
    const ends = await client.run(async (sql) => {
      const db = await pool.acquire();
      const results: unknown[] = [];
      const aborted = new AbortController();
      const query = db.query(sql, [], { signal: aborted.signal });
      setTimeout(() => aborted.abort("enough"), 50);
      results.push(await query.catch((reason) => reason));
      const interrupted = db.query(sql);
      setTimeout(() => db.interrupt(), 50);
      results.push(await interrupted.catch(({ code }) => code));
      // The first row is there, and the next one is being looked for in vain.
      const rows = db.iterate(
        "WITH RECURSIVE c(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM c) SELECT n FROM c WHERE n < 2",
        [],
        { chunkSize: 1 },
      );
      results.push((await rows.next()).value);
      const next = rows.next();
      setTimeout(() => db.interrupt(), 50);
      results.push(await next.catch(({ code }) => code));
      results.push(await db.queryValue("SELECT 'as ever'"));
      await db.release();
      return results;
    }, FOREVER);
    expect(ends).toEqual(["enough", "SQLITE_INTERRUPT", { n: 1 }, "SQLITE_INTERRUPT", "as ever"]);
    expect(await owner.run(() => pool.queryValue("SELECT count(*) FROM t"), undefined)).toBe(0);
  });

  test.runIf(isolated)(
    "what is aborted while the owner runs something else is not run",
    async () => {
      const { owner, client } = await ownerAndClient("behind.db");
      await owner.run(async (sql) => {
        globalThis.leased = await pool.acquire();
        globalThis.watched = leased.query(sql).catch(({ code }) => code);
        const { held = [] } = await navigator.locks.query();
        const lock = held.find(({ name }) => /^sqlite-wasm-pool:.*behind\.db$/.test(name ?? ""));
        const channel = new BroadcastChannel(lock?.name ?? "");
        globalThis.heardInterrupt = new Promise((resolve) => {
          channel.onmessage = ({ data }) => data.type === "interrupt" && resolve(data);
        });
      }, FOREVER);
      await client.run(async () => {
        const signal = AbortSignal.timeout(100);
        globalThis.writing = pool
          .execute("INSERT INTO t VALUES (1)", [], { signal })
          .catch((e) => e);
      }, undefined);
      const code = await owner.run(async () => {
        await heardInterrupt;
        leased.interrupt();
        return watched;
      }, undefined);
      expect(code).toBe("SQLITE_INTERRUPT");
      const name = await client.run(async () => ((await writing) as Error).name, undefined);
      expect(name).toBe("TimeoutError");
      expect(await client.run(() => pool.queryValue("SELECT count(*) FROM t"), undefined)).toBe(0);
    },
  );

  test
    .runIf(isolated)
    .each([{ how: "closes its pool" }, { how: "is closed" }, { how: "stands still for ever" }])(
    "a client that $how leaves nothing behind at the owner",
    async ({ how }) => {
      const { owner, client } = await ownerAndClient(`${how.replaceAll(" ", "-")}.db`);
      await client.run(async (sql) => {
        globalThis.leased = await pool.acquire();
        await leased.execute("BEGIN IMMEDIATE");
        await leased.execute("INSERT INTO t VALUES ('lost')");
        globalThis.watched = leased.query(sql).catch(({ code }) => code);
        await new Promise((resolve) => setTimeout(resolve, 50));
      }, FOREVER);
      if (how === "closes its pool") {
        const code = await client.run(async () => {
          await pool.close({ timeout: 0 });
          return watched;
        }, undefined);
        expect(code).toBe("SQLITE_INTERRUPT");
      } else if (how === "is closed") await client.close();
      // What a page does that is frozen, but for the standing still.
      else await client.run(() => void document.dispatchEvent(new Event("freeze")), undefined);
      const left = await owner.run(async () => {
        await pool.execute("INSERT INTO t VALUES ('kept')");
        while (pool.stats().owner?.connections !== pool.stats().total) {
          await new Promise((turn) => setTimeout(turn, 10));
        }
        return pool.query("SELECT x FROM t");
      }, undefined);
      expect(left).toEqual([{ x: "kept" }]);
    },
  );
});
