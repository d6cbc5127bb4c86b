// What a pool keeps alive that nobody needs any more.

import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { expect, test } from "vitest";
import { inEveryPlace } from "../helpers/kinds.ts";

setFlagsFromString("--expose-gc");
const collectGarbage = runInNewContext("gc") as () => void;

/** Collects until `ref` is empty: what a promise still holds takes a few turns to go. */
async function isCollected(ref: WeakRef<object>): Promise<boolean> {
  for (let turn = 0; turn < 10; turn++) {
    await new Promise((resolve) => setImmediate(resolve));
    collectGarbage();
    if (ref.deref() === undefined) return true;
  }
  return false;
}

inEveryPlace(({ open }) => {
  test("a result is the caller's alone: its connection keeps nothing of it", async () => {
    const pool = await open({ maxConnections: 1 });
    await pool.executeScript("CREATE TABLE t (a); INSERT INTO t VALUES (1), (2)");
    const db = await pool.acquire();
    const results: Record<string, () => Promise<object | undefined>> = {
      query: () => db.query("SELECT * FROM t"),
      "queries side by side": async () => {
        const [first] = await Promise.all([db.query("SELECT * FROM t"), db.query("SELECT 1")]);
        return first;
      },
      queryFirst: () => db.queryFirst("SELECT * FROM t"),
      returning: () => db.query("INSERT INTO t VALUES (3) RETURNING a"),
    };
    for (const [how, run] of Object.entries(results)) {
      const ref = new WeakRef((await run()) as object);
      expect(await isCollected(ref), how).toBe(true);
    }
    await db.release();
  });

  test("what onConnect made of a connection that was opened anew is not kept until the pool closes", async () => {
    const made: WeakRef<object>[] = [];
    const pool = await open({
      maxConnections: 1,
      async onConnect() {
        const result = {};
        made.push(new WeakRef(result));
        return result as unknown as undefined;
      },
    });
    await pool.withConnection((db) => db.execute("PRAGMA cache_size = 100"));
    for (const ref of made) expect(await isCollected(ref)).toBe(true);
  });
});
