// Which thread a connection goes to, and what becomes of threads. The threads are stand-ins.

import { expect, test } from "vitest";
import { Link } from "../../src/pool/link.ts";
import { Threads } from "../../src/pool/threads.ts";
import { WriteQueue } from "../../src/pool/write-queue.ts";
import { IDLE } from "../../src/rpc/idle-reply.ts";
import type { Port } from "../../src/rpc/port.ts";

let links = 0;

async function newLink(port: Port): Promise<Link> {
  return new Link(++links, port, {
    pool: "test",
    busyTimeoutMs: 0,
    writeQueue: new WriteQueue(),
    lockReleased: async () => {},
    onFree() {},
    onBusy() {},
    onChange() {},
  });
}

function newPort(close: () => Promise<void>): Port {
  return {
    parallel: true,
    canInterrupt: false,
    refuses: false,
    closed: new Promise(() => {}),
    request: () => IDLE,
    interrupt() {},
    close,
    terminate: async () => {},
  };
}

test("a thread that cannot be closed is no unhandled rejection; close() tells of it", async () => {
  const unhandled: unknown[] = [];
  const note = (reason: unknown) => unhandled.push(reason);
  process.on("unhandledRejection", note);
  const failure = new Error("the files cannot be closed");
  const threads = new Threads(
    () => 2,
    async () => newPort(() => Promise.reject(failure)),
    () => {},
  );
  await threads.place(newLink);
  threads.remove(await threads.place(newLink));
  // Node tells of it after the microtasks.
  await new Promise((resolve) => setTimeout(resolve));
  process.off("unhandledRejection", note);
  expect(unhandled).toEqual([]);
  await expect(threads.close()).rejects.toBe(failure);
});

test("a connection that is being closed leaves its place to the next one", async () => {
  let started = 0;
  const threads = new Threads(
    () => 2,
    async () => {
      started++;
      return newPort(async () => {});
    },
    () => {},
  );
  const numberOfNext = async () => {
    const link = await threads.place(newLink);
    return { link, number: threads.numberOf(link) };
  };
  const [one, two] = [await numberOfNext(), await numberOfNext()];
  expect([one.number, two.number]).toEqual([1, 2]);
  threads.vacate(two.link);
  const three = await numberOfNext();
  expect(three.number).toBe(2);
  threads.remove(two.link);
  threads.vacate(one.link);
  expect((await numberOfNext()).number).toBe(1);
  threads.remove(one.link);
  expect([started, threads.size]).toEqual([2, 2]);
  await threads.close();
});

test("of idle connections that is lent whose thread has the least to do", async () => {
  const threads = new Threads(
    () => 2,
    async () => newPort(async () => {}),
    () => {},
  );
  const [a, b, c, d] = [
    await threads.place(newLink),
    await threads.place(newLink),
    await threads.place(newLink),
    await threads.place(newLink),
  ];
  expect([a, b, c, d].map((link) => threads.numberOf(link))).toEqual([1, 2, 1, 2]);
  const pick = (idle: Link[], ...lent: Link[]) => threads.pick(idle, (link) => lent.includes(link));
  expect(pick([a, b, c, d])).toBe(d);
  expect(pick([a, b, c], d)).toBe(c);
  expect(pick([b, c], a)).toBe(b);
  expect(pick([a, b], c, d)).toBe(b);
  const answers: (() => void)[] = [];
  const run = (link: Link) => {
    link.port.request = () => new Promise((resolve) => answers.push(() => resolve(IDLE)));
    return link.send({
      request: () => ({ kind: "open", connection: link.id }),
      sql: undefined,
      writes: false,
    });
  };
  const running = [run(a)];
  expect(pick([b, c], a, d)).toBe(b);
  expect(pick([c], a, b, d)).toBe(undefined);
  expect(threads.numberOf(await threads.place(newLink))).toBe(2);
  running.push(run(b));
  expect(pick([c, d], a, b)).toBe(d);
  for (const answer of answers) answer();
  await Promise.all(running);
  expect(pick([c], a, b, d)).toBe(c);
  await threads.close();
});
