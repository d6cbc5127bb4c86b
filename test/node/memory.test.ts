// What a pool keeps alive that nobody needs any more.

import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { openPool } from "sqlite-wasm-pool";
import { expect, test } from "vitest";
import { gate, inEveryPlace } from "../helpers/kinds.ts";

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

test("bytes of another realm are bytes as well", async () => {
  const { bytes, buffer } = runInNewContext(
    "({ bytes: Uint8Array.of(1, 2), buffer: Uint8Array.of(3).buffer })",
  );
  await using pool = await openPool(":memory:", { threads: 0 });
  expect(await pool.queryFirst("SELECT hex(?) AS a, hex(?) AS b", [bytes, buffer])).toEqual({
    a: "0102",
    b: "03",
  });
});

await inEveryPlace(({ open }) => {
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

  test("an import keeps nothing of what it has read", async () => {
    const pool = await open({ maxConnections: 1 });
    await pool.executeScript("CREATE TABLE t (a); INSERT INTO t VALUES (randomblob(100000))");
    const bytes = await pool.export();
    const pieces: WeakRef<object>[] = [];
    const reachedLast = gate();
    const mayEnd = gate();
    let at = 0;
    const stream = new ReadableStream<Uint8Array>(
      {
        async pull(controller) {
          if (at >= bytes.length) return controller.close();
          const piece = bytes.slice(at, at + 10_000);
          at += piece.length;
          if (at === bytes.length) {
            reachedLast.open();
            await mayEnd.promise;
          }
          pieces.push(new WeakRef(piece));
          controller.enqueue(piece);
        },
      },
      { highWaterMark: 0 },
    );
    const importing = pool.import(stream);
    await reachedLast.promise;
    // The latest ones are still on their way.
    for (const piece of pieces.slice(0, -2)) expect(await isCollected(piece)).toBe(true);
    mayEnd.open();
    await importing;
    for (const piece of pieces) expect(await isCollected(piece)).toBe(true);
    expect(pieces.length).toBeGreaterThan(5);
  });
});
