import { MessageChannel } from "node:worker_threads";
import { afterEach, expect, test, vi } from "vitest";
import { PoolClosedError, SqliteError, WorkerCrashedError } from "../../src/errors.ts";
import { INTERRUPT_WORDS, ThreadClient } from "../../src/rpc/client.ts";
import { RowPacker } from "../../src/rpc/codec.ts";
import type { Endpoint } from "../../src/rpc/endpoint.ts";
import type { Reply, Request, RunRequest, Want } from "../../src/rpc/protocol.ts";
import { type RequestHandler, serve } from "../../src/rpc/server.ts";

const opened: (() => void)[] = [];
afterEach(() => {
  vi.restoreAllMocks();
  for (const close of opened.splice(0)) close();
});

const access = { permit: false, readonly: false, timeoutMs: 0 };

function run(sql: string, want: Want = "objects", connection = 1): RunRequest {
  return { kind: "run", connection, sql, params: [], want, ...access };
}

function reply(result: unknown, state: Partial<Reply> = {}): Reply {
  return {
    txn: 0,
    autocommit: true,
    tainted: false,
    needsPermit: false,
    rows: 0,
    result,
    error: undefined,
    ...state,
  };
}

/** One row, `{ sql }`. */
function packed(want: Want, sql: string) {
  const packer = new RowPacker();
  packer.start(want, 10);
  packer.begin(["sql"]);
  const bytes = new TextEncoder().encode(sql);
  packer.text(0, bytes, 0, bytes.length);
  packer.endRow();
  return packer.take();
}

/** A client and a host joined by a channel in this thread, with every step on record. */
function connect(handle: (request: Request, serial: number) => Reply, close = async () => {}) {
  const { port1, port2 } = new MessageChannel();
  const log = { posts: [] as unknown[], answers: [] as unknown[], refs: [] as string[] };
  let exit: (error: Error | undefined) => void = () => {};
  const endpoint: Endpoint = {
    post: (message, transfer) => {
      log.posts.push(message);
      port1.postMessage(message, transfer);
    },
    onMessage: (listener) => port1.on("message", listener),
    onExit: (listener) => {
      exit = listener;
    },
    ref: () => log.refs.push("ref"),
    unref: () => log.refs.push("unref"),
    terminate: async () => {
      port1.close();
      exit(undefined);
    },
  };
  const host: RequestHandler = { handle, close };
  serve(
    {
      post: (message, transfer) => {
        log.answers.push(message);
        port2.postMessage(message, transfer);
      },
      onMessage: (listener) => port2.on("message", listener),
    },
    host,
  );
  const interrupts = new Int32Array(new SharedArrayBuffer(INTERRUPT_WORDS * 4));
  const client = new ThreadClient(endpoint, { interrupts });
  opened.push(() => {
    port1.close();
    port2.close();
  });
  return { client, log, interrupts, exit: (error: Error | undefined) => exit(error) };
}

test("request() of one microtask go in one message, and so do their replies, in order", async () => {
  // Replies are not held back for long: on a slow machine they would come one by one.
  vi.spyOn(performance, "now").mockReturnValue(0);
  const { client, log } = connect((request) =>
    reply(packed((request as RunRequest).want, (request as RunRequest).sql), { rows: 1 }),
  );
  const settled: string[] = [];
  const replies = await Promise.all(
    ["a", "b", "c"].map(async (sql) => {
      const answer = await client.request(run(sql));
      settled.push(sql);
      return answer;
    }),
  );
  expect(replies.map(({ result }) => result)).toEqual([
    [{ sql: "a" }],
    [{ sql: "b" }],
    [{ sql: "c" }],
  ]);
  expect(settled).toEqual(["a", "b", "c"]);
  expect(log.posts).toHaveLength(1);
  expect(log.answers).toHaveLength(1);
});

test("request() unpacks the rows of every kind of reply that has some", async () => {
  const { client } = connect((request) => {
    switch (request.kind) {
      case "run":
        return request.want === "changes"
          ? reply({ changes: 2, lastInsertRowid: 7n })
          : reply(packed(request.want, "x"));
      case "openCursor":
        return reply({ rows: packed(request.want, "x"), done: false });
      case "fetch":
        return reply({ rows: packed("arrays", "x"), done: true });
      case "batch":
        return reply([{ rows: packed("objects", "x"), changes: 1, lastInsertRowid: 3 }]);
      default:
        return reply(undefined);
    }
  });
  const result = async (request: Request) => (await client.request(request)).result;
  const cursor = { connection: 1, cursor: 1, chunkRows: 5 };
  expect(await result(run("x", "objects"))).toEqual([{ sql: "x" }]);
  expect(await result(run("x", "value"))).toBe("x");
  expect(await result(run("x", "changes"))).toEqual({ changes: 2, lastInsertRowid: 7n });
  expect(
    await result({
      kind: "openCursor",
      sql: "x",
      params: [],
      want: "arrays",
      ...cursor,
      ...access,
    }),
  ).toEqual({ rows: [["x"]], done: false });
  expect(await result({ kind: "fetch", timeoutMs: 0, ...cursor })).toEqual({
    rows: [["x"]],
    done: true,
  });
  expect(
    await result({ kind: "batch", connection: 1, statements: [], want: "objects", ...access }),
  ).toEqual([{ rows: [{ sql: "x" }], changes: 1, lastInsertRowid: 3 }]);
  expect(await result({ kind: "close", connection: 1 })).toBeUndefined();
});

test("request() brings errors back with class, code and the connection's state", async () => {
  const error = new SqliteError("no such table: t", { code: "SQLITE_ERROR", resultCode: 1 });
  const { client } = connect(() => reply(undefined, { error, txn: 2, autocommit: false }));
  const answer = await client.request(run("select * from t"));
  expect(answer.error).toBeInstanceOf(SqliteError);
  expect(answer).toMatchObject({ txn: 2, autocommit: false, error: { code: "SQLITE_ERROR" } });
});

test("request() answers what the host threw, and the next request still works", async () => {
  const { client } = connect((request) => {
    if ((request as RunRequest).sql === "bad") throw new RangeError("thrown");
    return reply(packed("objects", "ok"));
  });
  const [bad, good] = await Promise.all([client.request(run("bad")), client.request(run("good"))]);
  expect(bad.error).toBeInstanceOf(RangeError);
  expect(bad.tainted).toBe(true);
  expect(good.result).toEqual([{ sql: "ok" }]);
});

test("request() that cannot be cloned fails alone", async () => {
  const { client } = connect(() => reply(packed("objects", "ok")));
  const uncloneable = { ...run("x"), params: [() => 1] as never };
  const answers = await Promise.all([
    client.request(run("a")),
    client.request(uncloneable),
    client.request(run("b")),
  ]);
  expect(answers.map(({ error }) => error?.name)).toEqual([undefined, "DataCloneError", undefined]);
});

test("ThreadClient keeps the process alive only while a request is outstanding", async () => {
  const { client, log } = connect(() => reply(undefined));
  expect(log.refs).toEqual(["unref"]);
  const both = Promise.all([client.request(run("a")), client.request(run("b"))]);
  expect(log.refs).toEqual(["unref", "ref"]);
  await both;
  expect(log.refs).toEqual(["unref", "ref", "unref"]);
});

test("the thread's death answers what is outstanding, what follows, and `closed`", async () => {
  const { client, exit } = connect(() => reply(undefined));
  const outstanding = [client.request(run("a")), client.request(run("b"))];
  const cause = new Error("out of memory");
  exit(cause);
  const answers = await Promise.all(outstanding);
  const crash = { code: "WORKER_CRASHED", cause, retriable: true };
  for (const { error } of answers) expect(error).toMatchObject({ ...crash, mayHaveRun: true });
  const { error: refusal } = await client.request(run("c"));
  expect(refusal).toMatchObject({ ...crash, mayHaveRun: false });
  expect(await client.closed).toMatchObject(crash);
  // Each caller adds its own stack to its own error.
  expect(new Set([...answers.map(({ error }) => error), refusal]).size).toBe(3);
  await client.close();
});

test("terminate() answers what is outstanding with WorkerCrashedError", async () => {
  const { client } = connect(() => reply(undefined));
  const outstanding = client.request(run("a"));
  await client.terminate();
  expect((await outstanding).error).toBeInstanceOf(WorkerCrashedError);
  expect(await client.closed).toBeInstanceOf(WorkerCrashedError);
});

test("close() answers what was sent before, closes the host once and refuses what follows", async () => {
  const steps: string[] = [];
  const { client } = connect(
    (request) => {
      steps.push((request as RunRequest).sql);
      return reply(undefined);
    },
    async () => void steps.push("close"),
  );
  const before = client.request(run("before"));
  const closing = client.close();
  const after = await client.request(run("after"));
  expect(client.close()).toBe(closing);
  await closing;
  expect((await before).error).toBeUndefined();
  expect(after.error).toBeInstanceOf(PoolClosedError);
  expect(steps).toEqual(["before", "close"]);
  expect(await client.closed).toBeUndefined();
});

test("close() rejects with what the host threw, and the thread is gone all the same", async () => {
  const { client } = connect(
    () => reply(undefined),
    () => {
      throw new RangeError("cannot close");
    },
  );
  await expect(client.close()).rejects.toThrow("cannot close");
  expect(await client.closed).toBeUndefined();
});

test("interrupt() names the newest request of its connection, and its reply takes it back", async () => {
  const seen: { sql: string; serial: number; word: number }[] = [];
  const { client, interrupts } = connect((request, serial) => {
    const { sql, connection } = request as RunRequest;
    seen.push({ sql, serial, word: interrupts[connection % INTERRUPT_WORDS] ?? 0 });
    return reply(undefined);
  });
  const other = INTERRUPT_WORDS + 2;
  const all = Promise.all([
    client.request(run("a", "objects", 1)),
    client.request(run("b", "objects", other)),
    client.request(run("c", "objects", 1)),
    client.request(run("d", "objects", other)),
  ]);
  client.interrupt(1);
  client.interrupt(99);
  await all;
  const c = seen.find(({ sql }) => sql === "c");
  expect(seen.map(({ sql, word }) => [sql, word])).toEqual([
    ["a", c?.serial],
    ["b", 0],
    ["c", c?.serial],
    ["d", 0],
  ]);
  expect(interrupts.every((word) => word === 0)).toBe(true);
  client.interrupt(1);
  expect(interrupts[1]).toBe(0);
});

test("canInterrupt is false without shared memory", () => {
  const endpoint: Endpoint = {
    post: () => {},
    onMessage: () => {},
    onExit: () => {},
    ref: () => {},
    unref: () => {},
    terminate: async () => {},
  };
  const client = new ThreadClient(endpoint, { interrupts: undefined });
  expect(client.canInterrupt).toBe(false);
  client.interrupt(1);
});
