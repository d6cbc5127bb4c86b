import * as fc from "fast-check";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { Semaphore } from "../../src/pool/semaphore.ts";

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

const FOREVER = { timeoutMs: Number.POSITIVE_INFINITY };
const late = () => new Error("too late");

describe("Semaphore", () => {
  test("acquire() gives up after its timeout and leaves the queue", async () => {
    const semaphore = new Semaphore(1);
    expect(semaphore.tryAcquire()).toBe(true);
    const waiting = expect(semaphore.acquire({ timeoutMs: 50 }, late)).rejects.toThrow("too late");
    await vi.advanceTimersByTimeAsync(49);
    expect(semaphore.waiting).toBe(1);
    await vi.advanceTimersByTimeAsync(1);
    await waiting;
    expect(semaphore.waiting).toBe(0);
    semaphore.release();
    expect(semaphore.free).toBe(1);
  });

  test("acquire({ timeoutMs: 0 }) tries once", async () => {
    const semaphore = new Semaphore(1);
    await semaphore.acquire({ timeoutMs: 0 }, late);
    await expect(semaphore.acquire({ timeoutMs: 0 }, late)).rejects.toThrow("too late");
  });

  test("an aborted waiter leaves neither a timer nor a listener", async () => {
    const semaphore = new Semaphore(0);
    const controller = new AbortController();
    const remove = vi.spyOn(controller.signal, "removeEventListener");
    const waiting = semaphore.acquire({ timeoutMs: 1_000, signal: controller.signal }, late);
    controller.abort("why");
    await expect(waiting).rejects.toBe("why");
    expect(vi.getTimerCount()).toBe(0);
    expect(remove).toHaveBeenCalled();
  });

  test("a permit that comes back passes to the oldest waiter, and a newcomer cannot overtake", async () => {
    const semaphore = new Semaphore(1);
    semaphore.tryAcquire();
    const order: string[] = [];
    const first = semaphore.acquire(FOREVER, late).then(() => order.push("first"));
    semaphore.release();
    expect(semaphore.tryAcquire()).toBe(false);
    await first;
    expect(order).toEqual(["first"]);
  });

  // The model: a number of free permits and a queue of the waiters' numbers.
  test("behaves as its model under any schedule of acquires, releases, aborts and timeouts", async () => {
    const step = fc.oneof(
      {
        weight: 4,
        arbitrary: fc.record({
          kind: fc.constant("acquire" as const),
          timeoutMs: fc.constantFrom(5, 20, Infinity),
        }),
      },
      { weight: 4, arbitrary: fc.record({ kind: fc.constant("release" as const) }) },
      {
        weight: 2,
        arbitrary: fc.record({ kind: fc.constant("abort" as const), which: fc.nat(20) }),
      },
      {
        weight: 1,
        arbitrary: fc.record({
          kind: fc.constant("wait" as const),
          ms: fc.integer({ min: 1, max: 30 }),
        }),
      },
    );
    await fc.assert(
      fc.asyncProperty(
        fc.integer({ min: 0, max: 4 }),
        fc.array(step, { maxLength: 60 }),
        async (permits, steps) => {
          const semaphore = new Semaphore(permits);
          let free = permits;
          let held = 0;
          let now = 0;
          const queue: { id: number; deadline: number; controller: AbortController }[] = [];
          const expected = new Map<number, string>();
          const seen = new Map<number, string>();
          let id = 0;
          for (const each of steps) {
            if (each.kind === "acquire") {
              const mine = id++;
              const controller = new AbortController();
              const limits = { timeoutMs: each.timeoutMs, signal: controller.signal };
              semaphore.acquire(limits, late).then(
                () => seen.set(mine, "granted"),
                (error) =>
                  seen.set(
                    mine,
                    error instanceof Error && error.message === "too late" ? "timeout" : "abort",
                  ),
              );
              if (free > 0) {
                free--;
                held++;
                expected.set(mine, "granted");
              } else queue.push({ id: mine, deadline: now + each.timeoutMs, controller });
            } else if (each.kind === "release" && held > 0) {
              semaphore.release();
              const next = queue.shift();
              if (next === undefined) {
                free++;
                held--;
              } else expected.set(next.id, "granted");
            } else if (each.kind === "abort" && queue.length > 0) {
              const [gone] = queue.splice(each.which % queue.length, 1);
              gone?.controller.abort();
              if (gone !== undefined) expected.set(gone.id, "abort");
            } else if (each.kind === "wait") {
              now += each.ms;
              await vi.advanceTimersByTimeAsync(each.ms);
              for (const late of queue.filter(({ deadline }) => deadline <= now)) {
                expected.set(late.id, "timeout");
                queue.splice(queue.indexOf(late), 1);
              }
            }
            await Promise.resolve();
            expect(semaphore.free).toBe(free);
            expect(semaphore.waiting).toBe(queue.length);
          }
          await vi.advanceTimersByTimeAsync(0);
          expect(seen).toEqual(expected);
          for (const { controller } of queue) controller.abort();
          await vi.advanceTimersByTimeAsync(0);
        },
      ),
      { numRuns: 300 },
    );
  });
});
