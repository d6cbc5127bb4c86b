// A port whose threads come and go. The threads are stand-ins: what is shown is what becomes of requests.

import { expect, test } from "vitest";
import { WorkerCrashedError } from "../../src/errors.ts";
import { IDLE } from "../../src/rpc/idle-reply.ts";
import type { Port } from "../../src/rpc/port.ts";
import type { Reply, Request } from "../../src/rpc/protocol.ts";
import { type FindThread, RoamingPort } from "../../src/runtime/tabs/roaming-port.ts";

const OPEN: Request = { kind: "open", connection: 1 };
const CLOSE_CURSOR: Request = { kind: "closeCursor", connection: 1, cursor: 1 };
const INSERT: Request = {
  kind: "run",
  connection: 1,
  sql: "INSERT INTO t VALUES (1)",
  params: [],
  want: "changes",
  permit: true,
  readonly: false,
  timeoutMs: 0,
};

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
    refuses: false,
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
  expect(started).toBe(7);
});

test("a thread that is bound to end is sent nothing any more, and may still answer", async () => {
  let end = () => {};
  const ending = new Promise<void>((resolve) => {
    end = resolve;
  });
  const sent: string[] = [];
  const recorded = (port: Port, name: string): Port => ({
    ...port,
    request: (request) => {
      sent.push(`${name} ${request.kind}`);
      return port.request(request);
    },
  });
  const first = thread(undefined);
  const threads = [{ ...recorded(first, "first"), ending }, recorded(thread(undefined), "second")];
  const port = await openRoaming(async () => threads.shift() ?? thread(undefined));
  await port.request(OPEN);
  end();
  await ending;
  const later = port.request(INSERT);
  expect(sent).toEqual(["first open"]);
  await first.close();
  expect((await later).error).toBeUndefined();
  expect(sent).toEqual(["first open", "second open", "second run"]);
  await port.close();
});

test("a statement that waits for a thread can be interrupted, and is not run then", async () => {
  let find: (port: Port) => void = () => {};
  const first = thread(undefined);
  let searches = 0;
  const port = await openRoaming(() => {
    if (searches++ === 0) return Promise.resolve(first);
    return new Promise((resolve) => {
      find = resolve;
    });
  });
  await port.request(OPEN);
  port.leaveThread();
  const stopped = port.request(INSERT);
  const other = port.request({ ...INSERT, connection: 2 });
  port.interrupt(1);
  expect((await stopped).error).toMatchObject({ code: "SQLITE_INTERRUPT" });
  const kinds: string[] = [];
  const second = thread(undefined);
  find({
    ...second,
    request: (request) => {
      kinds.push(`${request.kind} ${request.connection}`);
      return second.request(request);
    },
  });
  await other;
  expect(kinds).toEqual(["open 1", "run 2"]);
  await port.close();
});

function batch(...statements: string[]): Request {
  return {
    kind: "batch",
    connection: 1,
    statements: statements.map((sql) => ({ sql, params: [] })),
    want: "objects",
    permit: true,
    readonly: false,
    timeoutMs: 0,
  };
}

test.each([
  { sql: ["INSERT INTO t VALUES (1)", "UPDATE t SET x = 2"], mayHaveRun: false },
  // Outside of the transaction that it has ended, each further statement commits by itself.
  { sql: ["ROLLBACK", "INSERT INTO t VALUES (1)"], mayHaveRun: true },
  { sql: ["rollback transaction", "DELETE FROM t"], mayHaveRun: true },
  { sql: ["COMMIT"], mayHaveRun: true },
])("a batch within a transaction may have committed: $sql", async ({ sql, mayHaveRun }) => {
  const threads = [thread("batch", { autocommit: false }), thread(undefined)];
  const port = await openRoaming(async () => threads.shift() ?? thread(undefined));
  await port.request(OPEN);
  await port.request({ ...INSERT, sql: "BEGIN" });
  expect((await port.request(batch(...sql))).error).toMatchObject({ mayHaveRun });
  await port.close();
});

test.each([
  { sql: "INSERT INTO t VALUES (1)", mayHaveRun: false },
  { sql: "ROLLBACK", mayHaveRun: false },
  { sql: "COMMIT", mayHaveRun: true },
  { sql: "RELEASE s", mayHaveRun: true },
])("a statement within a transaction may have committed: $sql", async ({ sql, mayHaveRun }) => {
  const threads = [thread("run", { autocommit: false }), thread(undefined)];
  const port = await openRoaming(async () => threads.shift() ?? thread(undefined));
  await port.request(OPEN);
  await port.request(batch());
  expect((await port.request({ ...INSERT, sql })).error).toMatchObject({ mayHaveRun });
  await port.close();
});
