// The pool without a database: items are numbers.

import * as fc from "fast-check";
import { describe, expect, onTestFinished, test, vi } from "vitest";
import { closedError, LeasePool } from "../../src/pool/lease-pool.ts";

const FOREVER = { timeoutMs: Number.POSITIVE_INFINITY };

/** A pool of numbers whose openings end when the test says so. */
function newPool(
  max: number,
  { mostWaiters = Number.POSITIVE_INFINITY, mostOpenings = Number.POSITIVE_INFINITY } = {},
) {
  let next = 0;
  const closed: number[] = [];
  const openings: { succeed(): void; fail(error: Error): void }[] = [];
  /** Items that a new one would be better than. */
  const poor = new Set<number>();
  const pool = new LeasePool<number>(max, mostOpenings, {
    open: () =>
      new Promise((resolve, reject) => {
        openings.push({ succeed: () => resolve(++next), fail: reject });
      }),
    choose: (idle) => idle.filter((item) => !poor.has(item)).at(-1),
    close: (item) => void closed.push(item),
    timedOut: () => new Error("timed out"),
    refuse: (waiting) => (waiting < mostWaiters ? undefined : new Error("full")),
    onWait: () => {},
    onUnused: () => {},
  });
  return { pool, closed, openings, poor };
}

/** A pool of at most two, whose one idle item a new one would be better than. */
async function poolWithPoorItem() {
  const made = newPool(2);
  const first = made.pool.acquire(FOREVER);
  made.openings[0]?.succeed();
  made.pool.release(await first);
  made.poor.add(1);
  return made;
}

const settle = () => new Promise((resolve) => setTimeout(resolve));

describe("LeasePool", () => {
  test("a waiter is served by whichever comes first, a return or an opening", async () => {
    const { pool, openings } = newPool(2);
    const first = pool.acquire(FOREVER);
    openings[0]?.succeed();
    expect(await first).toBe(1);
    const second = pool.acquire(FOREVER);
    expect(openings).toHaveLength(2);
    pool.release(1);
    expect(await second).toBe(1);
    openings[1]?.succeed();
    await settle();
    expect(pool.idle).toEqual([2]);
  });

  test("a failed opening fails the waiter it was for, if it still waits, and frees its place", async () => {
    const { pool, openings } = newPool(2);
    const first = pool.acquire(FOREVER);
    const second = pool.acquire(FOREVER);
    openings[0]?.fail(new Error("no"));
    await expect(first).rejects.toThrow("no");
    openings[1]?.succeed();
    expect(await second).toBe(1);
    const third = pool.acquire(FOREVER);
    expect(openings).toHaveLength(3);
    pool.release(1);
    expect(await third).toBe(1);
    openings[2]?.fail(new Error("nobody's"));
    await settle();
    expect(pool.totalCount).toBe(1);
  });

  test("an opening whose waiter has gone serves the next one", async () => {
    const { pool, openings } = newPool(1);
    const controller = new AbortController();
    const aborted = pool.acquire({ ...FOREVER, signal: controller.signal });
    const next = pool.acquire(FOREVER);
    controller.abort(new Error("gone"));
    await expect(aborted).rejects.toThrow("gone");
    openings[0]?.succeed();
    expect(await next).toBe(1);
  });

  test("what is opened after resize() left no room for it is closed", async () => {
    const { pool, openings, closed } = newPool(4);
    const waiting = [1, 2, 3, 4].map(() => pool.acquire(FOREVER));
    pool.resize(1);
    for (const { succeed } of openings) succeed();
    expect(await waiting[0]).toBe(1);
    await settle();
    expect(pool.totalCount).toBe(1);
    expect(closed).toEqual([2, 3, 4]);
    pool.release(1);
    expect(await waiting[1]).toBe(1);
    expect([pool.totalCount, pool.waitingCount]).toEqual([1, 2]);
  });

  test("shut() refuses waiters, closes what is idle, and what comes back or is opened later", async () => {
    const { pool, openings, closed } = newPool(3);
    const first = pool.acquire(FOREVER);
    openings[0]?.succeed();
    await first;
    const waiting = pool.acquire(FOREVER);
    pool.shut(() => closedError("p"));
    await expect(waiting).rejects.toMatchObject({ code: "POOL_CLOSED" });
    const empty = pool.whenEmpty();
    openings[1]?.succeed();
    await settle();
    expect(closed).toEqual([2]);
    pool.release(1);
    await empty;
    expect(closed).toEqual([2, 1]);
  });

  test.each(["resized", "paused"])(
    "who tries once has tried when the opening is of no use: %s",
    async (how) => {
      const { pool, openings } = newPool(2);
      const first = pool.acquire(FOREVER);
      openings[0]?.succeed();
      await first;
      const once = pool.acquire({ timeoutMs: 0 });
      if (how === "resized") pool.resize(1);
      else pool.pause();
      openings[1]?.succeed();
      await expect(once).rejects.toThrow("timed out");
      expect(pool.waitingCount).toBe(0);
    },
  );

  test("who tries once gets what is being opened for somebody who has gone", async () => {
    const { pool, openings } = newPool(1, { mostWaiters: 0 });
    const gone = new AbortController();
    const first = pool.acquire({ ...FOREVER, signal: gone.signal });
    gone.abort(new Error("gone"));
    await expect(first).rejects.toThrow("gone");
    const once = pool.acquire({ timeoutMs: 0 });
    await expect(pool.acquire({ timeoutMs: 0 })).rejects.toThrow("full");
    openings[0]?.succeed();
    expect(await once).toBe(1);
  });

  test("an idle item that has become better is lent to who waits for an opening", async () => {
    const { pool, openings, poor } = await poolWithPoorItem();
    const second = pool.acquire(FOREVER);
    pool.serve();
    expect([pool.waitingCount, openings.length]).toEqual([1, 2]);
    poor.clear();
    pool.serve();
    expect(await second).toBe(1);
    expect(pool.waitingCount).toBe(0);
  });

  test("releasing what is not out is a bug that shows", async () => {
    expect(() => newPool(1).pool.release(5)).toThrow("BUG");
  });

  test("an item that a new one would be better than is lent where there is no new one", async () => {
    const { pool, openings } = await poolWithPoorItem();
    const second = pool.acquire(FOREVER);
    expect([pool.idleCount, openings.length]).toEqual([1, 2]);
    openings[1]?.succeed();
    expect(await second).toBe(2);
    // There is no room for a third.
    expect(await pool.acquire(FOREVER)).toBe(1);
    pool.release(1);
    pool.discard(2, "test");
    const third = pool.acquire(FOREVER);
    openings[2]?.fail(new Error("cannot open"));
    expect(await third).toBe(1);
    pool.release(1);
    expect(await pool.acquire({ timeoutMs: 1 })).toBe(1);
    expect(openings.length).toBe(4);
  });

  test("a burst opens a few at a time, and no more once what comes back serves it", async () => {
    const { pool, openings } = newPool(50, { mostOpenings: 2 });
    const first = pool.acquire(FOREVER);
    openings[0]?.succeed();
    const item = await first;
    const served: Promise<number>[] = [];
    for (let i = 0; i < 50; i++) served.push(pool.acquire(FOREVER));
    expect(openings).toHaveLength(3);
    for (const next of served) {
      pool.release(item);
      expect(await next).toBe(item);
    }
    for (const { succeed } of openings) succeed();
    await settle();
    expect(openings).toHaveLength(3);
    expect(pool.totalCount).toBe(3);
  });

  test("when one of a burst has been opened, the next opening is begun", async () => {
    const { pool, openings } = newPool(4, { mostOpenings: 1 });
    const waiting = [1, 2, 3].map(() => pool.acquire(FOREVER));
    for (let i = 0; i < waiting.length; i++) {
      expect(openings).toHaveLength(i + 1);
      openings[i]?.succeed();
      expect(await waiting[i]).toBe(i + 1);
    }
    expect(openings).toHaveLength(3);
  });

  test("a slow opening keeps the others from being opened no longer than it seems fast", async () => {
    vi.useFakeTimers();
    onTestFinished(() => void vi.useRealTimers());
    const { pool, openings } = newPool(3, { mostOpenings: 1 });
    const waiting = [1, 2, 3, 4].map(() => pool.acquire(FOREVER));
    expect(openings).toHaveLength(1);
    await vi.advanceTimersByTimeAsync(300);
    expect(openings).toHaveLength(2);
    openings[1]?.succeed();
    expect(await waiting[0]).toBe(1);
    expect(openings).toHaveLength(3);
    await vi.advanceTimersByTimeAsync(1_000);
    expect(openings).toHaveLength(3);
  });

  test("who tries once has an opening at once, and so has everyone ahead", async () => {
    const { pool, openings } = newPool(4, { mostOpenings: 1 });
    const waiting = [pool.acquire(FOREVER), pool.acquire(FOREVER)];
    expect(openings).toHaveLength(1);
    waiting.push(pool.acquire({ timeoutMs: 0 }), pool.acquire(FOREVER));
    expect(openings).toHaveLength(3);
    for (const { succeed } of openings) succeed();
    expect(await Promise.all(waiting.slice(0, 3))).toEqual([1, 2, 3]);
    await expect(pool.acquire({ timeoutMs: 0 })).rejects.toThrow("timed out");
    expect(openings).toHaveLength(4);
  });

  test("as many may come as there is room for, and no more, where nobody may wait", async () => {
    const { pool, openings } = newPool(3, { mostWaiters: 0, mostOpenings: 1 });
    const waiting = [1, 2, 3].map(() => pool.acquire(FOREVER));
    await expect(pool.acquire(FOREVER)).rejects.toThrow("full");
    for (let i = 0; i < 3; i++) {
      openings[i]?.succeed();
      await waiting[i];
    }
  });

  test("counts hold, and nobody waits while something is idle, under any schedule", async () => {
    const step = fc.constantFrom(
      "acquire",
      "acquire",
      "release",
      "release",
      "succeed",
      "fail",
      "abort",
      "discard",
      "resize",
      "evict",
      "worsen",
      "improve",
    );
    await fc.assert(
      fc.asyncProperty(
        fc.integer({ min: 1, max: 4 }),
        fc.integer({ min: 1, max: 4 }),
        fc.array(fc.tuple(step, fc.nat(9)), { maxLength: 60 }),
        async (max, mostOpenings, steps) => {
          const { pool, openings, closed, poor } = newPool(max, { mostOpenings });
          const out: number[] = [];
          const waiters = new Set<AbortController>();
          let lent = 0;
          let ended = 0;
          let most = max;
          for (const [kind, n] of steps) {
            if (kind === "acquire") {
              const controller = new AbortController();
              waiters.add(controller);
              const got = (item: number) => {
                expect(out).not.toContain(item);
                expect(closed).not.toContain(item);
                out.push(item);
                lent++;
              };
              pool
                .acquire({ ...FOREVER, signal: controller.signal })
                .then(got, () => ended++)
                .finally(() => waiters.delete(controller));
            } else if (kind === "release" && out.length > 0) {
              pool.release(...(out.splice(n % out.length, 1) as [number]));
            } else if (kind === "discard" && out.length > 0) {
              pool.discard(...(out.splice(n % out.length, 1) as [number]), "test");
            } else if (kind === "succeed") openings.shift()?.succeed();
            else if (kind === "fail") openings.shift()?.fail(new Error("no"));
            else if (kind === "abort") [...waiters][n]?.abort(new Error("gone"));
            else if (kind === "worsen") poor.add(n);
            else if (kind === "improve") poor.clear();
            else if (kind === "evict") pool.evict(() => true, "test");
            else if (kind === "resize") {
              most = 1 + (n % 4);
              max = Math.max(max, most);
              pool.resize(most);
            }
            await settle();
            expect(pool.outCount).toBe(out.length);
            expect(pool.totalCount + openings.length).toBeLessThanOrEqual(max);
            expect(pool.waitingCount).toBe(waiters.size);
            // Whoever waits all the same, waits for an opening.
            if (pool.idleCount > 0 && pool.waitingCount > 0) {
              expect(openings.length).toBeGreaterThan(0);
            }
            const due = Math.min(mostOpenings, most - pool.totalCount, pool.waitingCount);
            expect(openings.length).toBeGreaterThanOrEqual(due);
          }
          for (const item of out.splice(0)) pool.release(item);
          while (waiters.size > 0 || out.length > 0) {
            openings.shift()?.succeed();
            await settle();
            for (const item of out.splice(0)) pool.release(item);
            await settle();
          }
          expect(pool.outCount).toBe(0);
          const asked = steps.filter(([kind]) => kind === "acquire").length;
          expect(lent + ended).toBe(asked);
        },
      ),
      { numRuns: 200 },
    );
  });
});
