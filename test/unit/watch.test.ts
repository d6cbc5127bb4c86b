import { expect, test } from "vitest";
import { WorkerCrashedError } from "../../src/errors.ts";
import { type Reading, Watch } from "../../src/pool/watch.ts";
import { gate, rejection } from "../helpers/kinds.ts";

/** A watch whose readings the test answers one by one. */
function newWatch(signal?: AbortSignal) {
  const asked: { isFirst: boolean; signal: AbortSignal; answer: (tables: Reading<0>) => void }[] =
    [];
  const failures: Error[] = [];
  let ended = 0;
  const watch = new Watch<0>({
    async read(stop, isFirst) {
      const failure = failures.shift();
      if (failure !== undefined) throw failure;
      const { promise, open } = gate<Reading<0>>();
      asked.push({ isFirst, signal: stop, answer: open });
      return Promise.race([
        promise,
        new Promise<never>((_, reject) => {
          stop.addEventListener("abort", () => reject(stop.reason));
        }),
      ]);
    },
    signal,
    onStart() {},
    onEnd: () => void ended++,
  });
  return {
    watch,
    asked,
    failures,
    answer: (tables: Reading<0>["tables"] = ["t"]) => asked.at(-1)?.answer({ rows: [0], tables }),
    get ended() {
      return ended;
    },
  };
}

const settled = () => new Promise((resolve) => setImmediate(resolve));

test("a commit while a reading is under way asks for another one", async () => {
  const { watch, asked, answer } = newWatch();
  const first = watch.next();
  watch.heard(["t"]);
  answer();
  await first;
  const second = watch.next();
  await settled();
  expect(asked.map(({ isFirst }) => isFirst)).toEqual([true, false]);
  answer();
  await second;
  void watch.next();
  await settled();
  expect(asked).toHaveLength(2);
});

test("commits are held against the tables of the latest reading", async () => {
  const { watch, asked, answer } = newWatch();
  const first = watch.next();
  answer(["t"]);
  await first;
  void watch.next();
  watch.heard(["u"]);
  await settled();
  expect(asked).toHaveLength(1);
  watch.heard(["t"]);
  await settled();
  answer(["u"]);
  await settled();
  void watch.next();
  watch.heard(["t"]);
  await settled();
  expect(asked).toHaveLength(2);
  watch.heard("any");
  await settled();
  expect(asked).toHaveLength(3);
});

test("a watch of any table reads again after every commit, one that names none included", async () => {
  const { watch, asked, answer } = newWatch();
  const first = watch.next();
  answer("any");
  await first;
  void watch.next();
  await settled();
  expect(asked).toHaveLength(1);
  watch.heard([]);
  await settled();
  expect(asked).toHaveLength(2);
});

test("return() stops a reading and a wait, and what was asked for is answered with the end", async () => {
  const reading = newWatch();
  const pending = reading.watch.next();
  await settled();
  expect(await reading.watch.return()).toEqual({ done: true, value: undefined });
  expect(await pending).toEqual({ done: true, value: undefined });
  expect(reading.asked[0]?.signal.aborted).toBe(true);
  expect(reading.ended).toBe(1);
  const unused = newWatch();
  expect(await unused.watch.return()).toEqual({ done: true, value: undefined });
  expect(await unused.watch.next()).toEqual({ done: true, value: undefined });
  expect(unused.asked).toEqual([]);
});

test("a thread that dies twice in a row ends the watch with the error", async () => {
  const { watch, failures, answer } = newWatch();
  failures.push(new WorkerCrashedError("one"));
  const first = watch.next();
  await settled();
  answer();
  expect((await first).value).toEqual([0]);
  failures.push(new WorkerCrashedError("two"), new WorkerCrashedError("three"));
  watch.heard(["t"]);
  expect((await rejection(watch.next())).message).toBe("three");
});

test("nothing stays on the caller's signal", async () => {
  const listeners = new Set<unknown>();
  const signal = {
    aborted: false,
    addEventListener: (_: string, listener: unknown) => listeners.add(listener),
    removeEventListener: (_: string, listener: unknown) => listeners.delete(listener),
  } as unknown as AbortSignal;
  const { watch, answer } = newWatch(signal);
  const first = watch.next();
  await settled();
  expect(listeners.size).toBe(1);
  answer();
  await first;
  await watch.return();
  expect(listeners.size).toBe(0);
});
