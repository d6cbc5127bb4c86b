// A port whose threads come and go. The threads are stand-ins: what is shown is what becomes of requests.

import { expect, test } from "vitest";
import { WorkerCrashedError } from "../../src/errors.ts";
import type { Port } from "../../src/rpc/port.ts";
import type { Reply, Request } from "../../src/rpc/protocol.ts";
import { type FindThread, RoamingPort } from "../../src/runtime/tabs/roaming-port.ts";

const IDLE: Reply = {
  txn: 0,
  autocommit: true,
  tainted: false,
  needsPermit: false,
  rows: 0,
  result: undefined,
  error: undefined,
};
const OPEN: Request = { kind: "open", connection: 1 };
const CLOSE_CURSOR: Request = { kind: "closeCursor", connection: 1, cursor: 1 };

function openCursor(permit: boolean): Request {
  return {
    kind: "openCursor",
    connection: 1,
    cursor: 1,
    sql: permit ? "INSERT INTO t VALUES (1), (2) RETURNING x" : "SELECT x FROM t",
    params: [],
    want: "objects",
    chunkRows: 1,
    permit,
    readonly: false,
    timeoutMs: 0,
  };
}

/** A thread that answers everything with `state`, and ends at the first request of the kind `endsAt`. */
function thread(endsAt: Request["kind"] | undefined, state: Partial<Reply> = {}): Port {
  let end = (_: WorkerCrashedError | undefined) => {};
  const closed = new Promise<WorkerCrashedError | undefined>((resolve) => {
    end = resolve;
  });
  const stop = async () => end(undefined);
  return {
    parallel: true,
    canInterrupt: false,
    closed,
    async request({ kind }) {
      if (kind !== endsAt) return { ...IDLE, ...state, result: { done: false } };
      const error = new WorkerCrashedError("ended by the test");
      end(error);
      return { ...IDLE, error };
    },
    interrupt() {},
    close: stop,
    terminate: stop,
  };
}

function openRoaming(find: FindThread, signal?: AbortSignal) {
  return RoamingPort.open(find, { onLost() {}, onMoved() {} }, signal);
}

test.each([
  { permit: true, state: {}, mayHaveRun: true },
  { permit: false, state: {}, mayHaveRun: false },
  { permit: true, state: { autocommit: false }, mayHaveRun: false },
])("the end of a cursor may have committed: $permit, $state", async (given) => {
  const threads = [thread("closeCursor", given.state), thread(undefined)];
  const port = await openRoaming(async () => threads.shift() ?? thread(undefined));
  await port.request(OPEN);
  await port.request(openCursor(given.permit));
  const { error } = await port.request(CLOSE_CURSOR);
  expect(error).toBeInstanceOf(WorkerCrashedError);
  expect(error).toMatchObject({ mayHaveRun: given.mayHaveRun });
  await port.close();
});

test("the signal of the opening ends no later search, the end of the port does", async () => {
  const opening = new AbortController();
  const signals: (AbortSignal | undefined)[] = [];
  const first = thread(undefined);
  const port = await openRoaming((signal) => {
    signals.push(signal);
    if (signals.length === 1) return Promise.resolve(first);
    return new Promise((_, reject) => {
      signal?.addEventListener("abort", () => reject(signal.reason));
    });
  }, opening.signal);
  port.leaveThread();
  const later = port.request(OPEN);
  opening.abort();
  expect(signals[0]).toBe(opening.signal);
  expect(signals[1]?.aborted).toBe(false);
  await port.close();
  expect(await port.closed).toBeUndefined();
  expect((await later).error).toMatchObject({ code: "POOL_CLOSED" });
});

test("what could not be sent anywhere has not run", async () => {
  const threads = [thread(undefined)];
  const port = await openRoaming(async () => {
    const next = threads.shift();
    if (next === undefined) throw new Error("none left");
    return next;
  }, undefined);
  port.leaveThread();
  const { error } = await port.request(OPEN);
  expect(error).toMatchObject({ code: "WORKER_CRASHED", mayHaveRun: false, retriable: true });
  expect(await port.closed).toBe(error);
});

test("threads that end whenever a connection is opened are not started for ever", async () => {
  let started = 0;
  const port = await openRoaming(async () => {
    started++;
    return thread("open");
  });
  const { error } = await port.request(OPEN);
  expect(error).toMatchObject({ code: "WORKER_CRASHED", mayHaveRun: false });
  expect(started).toBeLessThan(10);
});
