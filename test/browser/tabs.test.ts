// Several tabs and workers of one origin on one database, in a real browser.

import { describe, expect, test } from "vitest";
import { launchChromium } from "../harness/browsers/chromium.ts";
import { launchFirefox } from "../harness/browsers/firefox.ts";
import { inWholeMatrix } from "../harness/matrix.ts";
import { useTabs } from "./tabs-harness.ts";

describe.each([
  { name: "Chromium", launch: launchChromium, isolated: true },
  ...inWholeMatrix([{ name: "Chromium", launch: launchChromium, isolated: false }]),
  { name: "Firefox", launch: launchFirefox, isolated: false },
])("tabs of $name, isolated: $isolated", ({ launch, isolated }) => {
  const tabs = useTabs(launch, isolated);

  test("a second tab opens the same name, reads and writes", async () => {
    const { tab: first, role } = await tabs.openPool("two.db");
    expect(role).toBe("owner");
    await first.run(async () => {
      await pool.execute("CREATE TABLE t(x)");
      await pool.execute("INSERT INTO t VALUES (?)", ["first"]);
    }, undefined);
    const { tab: second, role: secondRole } = await tabs.openPool("two.db");
    expect(secondRole).toBe("client");
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
    const tab = await tabs.open();
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
    const { tab: first } = await tabs.openPool("close.db");
    await first.run(() => pool.execute("CREATE TABLE t(x)"), undefined);
    const { tab: second } = await tabs.openPool("close.db");
    await second.run(() => {
      globalThis.heard = [];
      pool.on("owner", (change) => heard.push(change));
    }, undefined);
    await first.run(() => pool.close(), undefined);
    const result = await second.run(async () => {
      await pool.execute("INSERT INTO t VALUES (1)");
      return [await pool.queryValue("SELECT count(*) FROM t"), pool.capabilities.role, heard];
    }, undefined);
    expect(result).toEqual([1, "owner", [{ role: "owner", tookMs: expect.any(Number) }]]);
  });

  test("a worker that starts while the database is taken over opens nothing", async () => {
    const late = await tabs.open();
    await late.run(async () => {
      // The worker hears how to start only when the gate is open.
      const { postMessage } = Worker.prototype;
      const asked = new Promise<void>((resolve) => {
        const gate = new Promise<void>((open) => {
          globalThis.openGate = open;
        });
        Worker.prototype.postMessage = function (this: Worker, message: unknown) {
          resolve();
          void gate.then(() => postMessage.call(this, message));
        };
      });
      globalThis.opening = openPool("early.db");
      await asked;
      Worker.prototype.postMessage = postMessage;
    }, undefined);
    const taker = await tabs.open();
    const role = await taker.run(async () => {
      const { held = [] } = await navigator.locks.query();
      const owner = held.find(({ name }) => /^sqlite-wasm-pool:.*early\.db$/.test(name ?? ""));
      await navigator.locks.request(owner?.name ?? "", { steal: true }, () => {});
      globalThis.pool = await openPool("early.db");
      await pool.execute("CREATE TABLE t(x)");
      return pool.capabilities.role;
    }, undefined);
    expect(role).toBe("owner");
    const seen = await late.run(async () => {
      openGate();
      globalThis.pool = await opening;
      await pool.execute("INSERT INTO t VALUES (1)");
      return [pool.capabilities.role, await pool.queryValue("SELECT count(*) FROM t")];
    }, undefined);
    expect(seen).toEqual(["client", 1]);
  });

  test("a write that an owner is still keeping while it leaves is not run again", async () => {
    const first = await tabs.open();
    await first.run(async () => {
      globalThis.pool = await openPool("kept.db", { storage: "indexeddb", threads: 0 });
      await pool.execute("CREATE TABLE t(x)");
    }, undefined);
    const { tab: second } = await tabs.openPool("kept.db");
    await first.run(async () => {
      const names = (await indexedDB.databases()).map(({ name = "" }) => name);
      const request = indexedDB.open(names.find((name) => name.endsWith("kept.db")) ?? "");
      await new Promise((opened) => {
        request.onsuccess = opened;
      });
      // A transaction before which no other one begins.
      const stores = [...request.result.objectStoreNames];
      const store = request.result.transaction(stores, "readwrite").objectStore(stores[0] ?? "");
      let isHeld = true;
      const hold = () => {
        if (isHeld) store.count().onsuccess = hold;
      };
      hold();
      globalThis.openGate = () => {
        isHeld = false;
        request.result.close();
      };
      const { transaction } = IDBDatabase.prototype;
      globalThis.writing = new Promise((resolve) => {
        IDBDatabase.prototype.transaction = function (...options) {
          if (options[1] === "readwrite") resolve(undefined);
          return transaction.apply(this, options);
        };
      });
    }, undefined);
    await second.run(() => {
      globalThis.writing = pool.execute("INSERT INTO t VALUES (1)");
    }, undefined);
    await first.run(async () => {
      await writing;
      const { held = [] } = await navigator.locks.query();
      const owner = held.find(({ name }) => /^sqlite-wasm-pool:.*kept\.db$/.test(name ?? ""));
      new BroadcastChannel(owner?.name ?? "").postMessage({ type: "handOver" });
      // Long enough for it to say that it leaves, if it does so too early.
      await new Promise((resolve) => setTimeout(resolve, 100));
      openGate();
    }, undefined);
    const count = await second.run(async () => {
      await writing;
      return pool.queryValue("SELECT count(*) FROM t");
    }, undefined);
    expect(count).toBe(1);
  });

  test("an owner that never pauses keeps no other tab waiting", async () => {
    const { tab: first } = await tabs.openPool("busy-owner.db");
    const { tab: second } = await tabs.openPool("busy-owner.db");
    const { tab: third } = await tabs.openPool("busy-owner.db");
    // The owner is one that took over with others there already.
    await first.run(() => pool.close(), undefined);
    await second.run(() => pool.query("SELECT 1"), undefined);
    const [owner, client] =
      (await second.run(() => pool.capabilities.role, undefined)) === "owner"
        ? [second, third]
        : [third, second];
    await client.run(() => pool.query("SELECT 1"), undefined);
    await owner.run(() => {
      let ended = false;
      globalThis.end = () => {
        ended = true;
      };
      const read = async () => {
        let reads = 0;
        for (; !ended && reads < 50_000; reads++) await pool.query("SELECT 1");
        return reads;
      };
      globalThis.watched = read();
    }, undefined);
    await client.run(async () => {
      for (let i = 0; i < 20; i++) await pool.query("SELECT 1");
    }, undefined);
    const reads = await owner.run(() => {
      end();
      return watched;
    }, undefined);
    expect(reads).toBeLessThan(50_000);
  });

  test("stats() of every tab has its own counts, and what all have open at the owner", async () => {
    const { tab: first } = await tabs.openPool("stats.db");
    const { tab: second } = await tabs.openPool("stats.db");
    const take = async () => {
      globalThis.leased = await pool.acquire();
      await pool.query("SELECT 1");
      const { active, total, waiting } = pool.stats();
      return { active, total, waiting };
    };
    expect(await first.run(take, undefined)).toEqual({ active: 1, total: 2, waiting: 0 });
    expect(await second.run(take, undefined)).toEqual({ active: 1, total: 2, waiting: 0 });
    // The owner's threads tell of their connections; nothing else is waited for.
    const told = async () => {
      while (pool.stats().owner?.connections !== 4) {
        await new Promise((turn) => setTimeout(turn, 10));
      }
      return pool.stats().owner;
    };
    const owner = await first.run(told, undefined);
    expect(owner).toMatchObject({ role: "owner", tabs: 2, connections: 4 });
    expect(await second.run(told, undefined)).toEqual({ ...owner, role: "client" });
  });

  test("suspend() of the owner hands over, and resume() makes it a client", async () => {
    const { tab: first } = await tabs.openPool("suspend.db");
    await first.run(() => pool.execute("CREATE TABLE t(x)"), undefined);
    const { tab: second } = await tabs.openPool("suspend.db");
    await first.run(() => pool.suspend(), undefined);
    await second.run(() => pool.execute("INSERT INTO t VALUES (1)"), undefined);
    expect(await second.run(() => pool.capabilities.role, undefined)).toBe("owner");
    const result = await first.run(async () => {
      await pool.resume();
      await pool.execute("INSERT INTO t VALUES (2)");
      return [await pool.queryValue("SELECT count(*) FROM t"), pool.capabilities.role];
    }, undefined);
    expect(result).toEqual([2, "client"]);
  });

  test("a write lock held in another tab is waited for, and then told of", async () => {
    const { tab: first } = await tabs.openPool("busy.db");
    await first.run(async () => {
      await pool.execute("CREATE TABLE t(x)");
      globalThis.leased = await pool.acquire();
      await leased.execute("BEGIN IMMEDIATE");
      await leased.execute("INSERT INTO t VALUES (1)");
    }, undefined);
    const second = await tabs.open();
    const busy = await second.run(async () => {
      globalThis.pool = await openPool("busy.db", { busyTimeout: 200, name: "second" });
      const error = await pool.execute("INSERT INTO t VALUES (2)").catch((e) => e);
      return { code: error.code, holder: error.holder, message: error.message };
    }, undefined);
    expect(busy.code).toBe("SQLITE_BUSY");
    expect(busy.holder.pool).toBe("busy.db");
    expect(busy.message).toContain('of pool "busy.db"');
    const waiting = second.run(async () => {
      const patient = await openPool("busy.db");
      await patient.execute("INSERT INTO t VALUES (2)");
      return patient.queryValue("SELECT count(*) FROM t");
    }, undefined);
    await first.run(async () => {
      await leased.execute("COMMIT");
      await leased.release();
    }, undefined);
    expect(await waiting).toBe(2);
  });

  test("commits of one tab are told of, and watched, in the others", async () => {
    const { tab: first } = await tabs.openPool("watch.db");
    await first.run(() => pool.execute("CREATE TABLE t(x)"), undefined);
    const { tab: second } = await tabs.openPool("watch.db");
    for (const [writer, watcher] of [
      [first, second],
      [second, first],
    ] as const) {
      await watcher.run(async () => {
        const changes = new Promise((resolve) => pool.on("change", resolve));
        const rows = pool.watch("SELECT x FROM t ORDER BY x")[Symbol.asyncIterator]();
        const before = await rows.next();
        globalThis.watched = Promise.all([changes, rows.next()]).then(([change, after]) => ({
          change,
          added: after.value.length - before.value.length,
        }));
      }, undefined);
      await writer.run(() => pool.execute("INSERT INTO t VALUES (1)"), undefined);
      expect(await watcher.run(() => watched, undefined)).toEqual({
        change: { tables: ["t"] },
        added: 1,
      });
    }
  });

  test("deleteDatabase() waits for other tabs, and deletes nothing that they have open", async () => {
    const { tab: first } = await tabs.openPool("delete.db");
    await first.run(() => pool.execute("CREATE TABLE t(x)"), undefined);
    const second = await tabs.open();
    const refused = await second.run(async () => {
      const other = await openPool("delete.db", { busyTimeout: 200 });
      return other.deleteDatabase().catch((error) => error.code);
    }, undefined);
    expect(refused).toBe("STORAGE_LOCKED");
    expect(await first.run(() => pool.queryValue("SELECT count(*) FROM t"), undefined)).toBe(0);
    const deleted = second.run(async () => {
      const other = await openPool("delete.db");
      await other.deleteDatabase();
      const again = await openPool("delete.db");
      return again.query("SELECT name FROM sqlite_schema");
    }, undefined);
    await first.run(() => pool.close(), undefined);
    expect(await deleted).toEqual([]);
  });
});
