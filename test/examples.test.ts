import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { readdirSync } from "node:fs";
import { type IncomingMessage, request } from "node:http";
import { basename, dirname } from "node:path";
import { createInterface } from "node:readline";
import { Readable } from "node:stream";
import { text } from "node:stream/consumers";
import type { ReadableStream } from "node:stream/web";
import { fileURLToPath } from "node:url";
import type { PoolStats } from "sqlite-wasm-pool";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { FOREVER } from "./helpers/forever.ts";
import { useDirectory } from "./helpers/kinds.ts";
import { native, nativeValue } from "./helpers/native.ts";
import { rejection } from "./helpers/promises.ts";

const SERVER = fileURLToPath(new URL("../examples/http-server.js", import.meta.url));

interface Launched {
  readonly child: ChildProcess;
  /** When it has ended: its exit code, and what it has written to stderr. */
  readonly ended: Promise<{ code: number | null; log: string }>;
}

const children: ChildProcess[] = [];
afterAll(() => {
  for (const child of children) child.kill("SIGKILL");
});

function launch(env: Record<string, string>): Launched {
  const child = spawn(process.execPath, [SERVER], {
    env: { ...process.env, PORT: "0", ...env },
    stdio: ["ignore", "pipe", "pipe"],
  });
  children.push(child);
  const log = text(child.stderr);
  const ended = once(child, "close").then(async ([code]) => ({ code, log: await log }));
  return { child, ended };
}

/** Launches it, and waits until it listens. */
async function serve(env: Record<string, string>): Promise<Launched & { origin: string }> {
  const launched = launch(env);
  if (launched.child.stdout === null) throw new Error("no output");
  for await (const line of createInterface(launched.child.stdout)) {
    return { ...launched, origin: line.split(" ")[0] ?? "" };
  }
  throw new Error((await launched.ended).log);
}

/** The database and what lies beside it. */
function filesOf(database: string): string[] {
  return readdirSync(dirname(database)).filter((name) => name.startsWith(basename(database)));
}

/** The pool's numbers, once a second, until the server ends them. */
async function* events(origin: string): AsyncGenerator<PoolStats> {
  const { body } = await fetch(`${origin}/events`);
  if (body === null) throw new Error("no body");
  const stream = Readable.fromWeb(body as ReadableStream);
  try {
    for await (const line of createInterface(stream)) {
      if (line.startsWith("data: ")) yield JSON.parse(line.slice("data: ".length));
    }
  } finally {
    stream.destroy();
  }
}

/** Waits for numbers that are as expected. */
async function until(
  numbers: AsyncGenerator<PoolStats>,
  isExpected: (stats: PoolStats) => boolean,
): Promise<void> {
  for (;;) {
    const { value, done } = await numbers.next();
    if (done) throw new Error("the numbers have ended");
    if (isExpected(value)) return;
  }
}

const untilEnded = async (numbers: AsyncGenerator<PoolStats>) => {
  while (!(await numbers.next()).done);
};

/** A POST that the server has begun to handle: it waits for the body, which `finish` sends. */
async function begin(origin: string, user: object) {
  const sent = request(`${origin}/users`, {
    method: "POST",
    headers: { expect: "100-continue" },
  });
  const answer = once(sent, "response").then(async ([response]: IncomingMessage[]) => {
    if (response === undefined) throw new Error("no response");
    const { statusCode: status, headers } = response;
    return { status, headers, body: JSON.parse(await text(response)) };
  });
  sent.flushHeaders();
  await once(sent, "continue");
  return { answer, finish: () => sent.end(JSON.stringify(user)) };
}

/** Requests a target as it is, without making a URL of it. */
async function get(origin: string, target: string): Promise<number | undefined> {
  const [response] = await once(request(origin, { path: target }).end(), "response");
  response.resume();
  return response.statusCode;
}

describe("examples/http-server.js", () => {
  const path = useDirectory();
  let server: Awaited<ReturnType<typeof serve>>;
  let origin = "";
  beforeAll(async () => {
    server = await serve({ DATABASE: path("users.db") });
    origin = server.origin;
  });

  const post = (body: string) => fetch(`${origin}/users`, { method: "POST", body });

  test("adds users, lists them, and says what is wrong with others", async () => {
    const added = await post('{ "name": "Ada", "email": "ada@example.org" }');
    expect([added.status, await added.json()]).toEqual([201, { id: 1 }]);
    const again = await post('{ "name": "Eve", "email": "ada@example.org" }');
    expect(again.status).toBe(409);
    for (const wrong of ["{", "null", '{ "name": 5 }', '{ "name": "", "email": "x" }']) {
      const response = await post(wrong);
      expect(response.status).toBe(400);
      expect(await response.json()).toHaveProperty("error");
    }
    // What comes next must not be sent after a request that the server has not read to its end.
    const large = await post(`"${"x".repeat(200_000)}"`);
    expect([large.status, large.headers.get("connection")]).toEqual([413, "close"]);
    const users = await (await fetch(`${origin}/users`)).json();
    expect(users).toMatchObject([{ id: 1, name: "Ada", email: "ada@example.org" }]);
  });

  test("takes many requests at once", async () => {
    const made = Array.from({ length: 50 }, (_, i) => post(`{ "name": "n", "email": "n${i}@x" }`));
    for (const response of await Promise.all(made)) expect(response.status).toBe(201);
    expect(await (await fetch(`${origin}/users`)).json()).toHaveLength(51);
  });

  test("answers health and stats, and streams live numbers to its page", async () => {
    expect(await (await fetch(`${origin}/health`)).json()).toMatchObject({ status: "healthy" });
    expect(await (await fetch(`${origin}/stats`)).json()).toMatchObject({ name: "users", max: 5 });
    expect(await (await fetch(origin)).text()).toContain('new EventSource("/events")');
    const numbers = events(origin);
    expect((await numbers.next()).value).toMatchObject({ storage: "file" });
    await numbers.return(undefined);
  });

  test("takes the target of a request as a path, and refuses one that is none", async () => {
    expect(await get(origin, "/users?page=1")).toBe(200);
    expect(await get(origin, `${origin}/users`)).toBe(200);
    for (const nowhere of ["/nowhere", "/users/", "//", "//x/users"]) {
      expect(await get(origin, nowhere)).toBe(404);
    }
    expect(await get(origin, "*")).toBe(400);
  });

  test("answers HEAD as GET without the body", async () => {
    for (const known of ["/", "/users", "/health", "/stats", "/events"]) {
      const response = await fetch(`${origin}${known}`, { method: "HEAD" });
      expect([known, response.status, await response.text()]).toEqual([known, 200, ""]);
    }
    const page = await (await fetch(origin)).arrayBuffer();
    const { headers } = await fetch(origin, { method: "HEAD" });
    expect(headers.get("content-length")).toBe(String(page.byteLength));
    expect((await fetch(`${origin}/nowhere`, { method: "HEAD" })).status).toBe(404);
  });

  test.each([
    ["PUT", "/users", "GET, HEAD, POST"],
    ["DELETE", "/health", "GET, HEAD"],
    ["POST", "/", "GET, HEAD"],
  ])("refuses %s %s with the methods that it allows", async (method, known, allow) => {
    const response = await fetch(`${origin}${known}`, { method });
    expect([response.status, response.headers.get("allow")]).toEqual([405, allow]);
  });

  test.each(["abc", "65536", ""])(
    "refuses to listen on port %j, and opens no database",
    async (PORT) => {
      const { code, log } = await launch({ PORT, DATABASE: path("port.db") }).ended;
      expect([code, log]).toEqual([1, `PORT must be a number from 0 to 65535, not "${PORT}"\n`]);
      expect(filesOf(path("port.db"))).toEqual([]);
    },
  );

  test("ends with one line where its port is taken, and leaves its database closed", async () => {
    const env = { PORT: new URL(origin).port, DATABASE: path("taken.db") };
    const { code, log } = await launch(env).ended;
    expect(code).toBe(1);
    expect(log).toMatch(/^.*address already in use.*\n$/);
    expect(filesOf(path("taken.db"))).toEqual(["taken.db"]);
  });

  test("ends with one line where its database cannot be opened", async () => {
    const { code, log } = await launch({ DATABASE: path("nowhere/users.db") }).ended;
    expect(code).toBe(1);
    expect(log).toMatch(/^.*nowhere.*\n$/);
  });

  test("ends on SIGTERM with its database closed, and nothing to complain about", async () => {
    server.child.kill("SIGTERM");
    expect(await server.ended).toEqual({ code: 0, log: "" });
    expect(filesOf(path("users.db"))).toEqual(["users.db"]);
    expect(nativeValue(path("users.db"), "SELECT count(*) FROM users")).toBe(51);
  });
});

describe("examples/http-server.js, told to end", () => {
  const path = useDirectory();

  test.each(["SIGTERM", "SIGINT"] as const)(
    "answers what it has begun before %s, and keeps what it has answered",
    async (signal) => {
      const database = path(`${signal}.db`);
      const { child, origin, ended } = await serve({ DATABASE: database });
      const numbers = events(origin);
      await numbers.next();
      const begun = await Promise.all(
        Array.from({ length: 40 }, (_, i) => begin(origin, { name: "n", email: `n${i}@x` })),
      );
      const [early, late] = [begun.slice(0, 20), begun.slice(20)];
      for (const { finish } of early) finish();
      child.kill(signal);
      await untilEnded(numbers);
      expect(await rejection(fetch(origin))).toHaveProperty("cause.code", "ECONNREFUSED");
      // More of them, as of an impatient user, do not cut it short.
      child.kill(signal);
      for (const { finish } of late) finish();
      for (const { answer } of early) expect(await answer).toMatchObject({ status: 201 });
      for (const { answer } of late) {
        expect(await answer).toMatchObject({ status: 201, headers: { connection: "close" } });
      }
      expect(await ended).toEqual({ code: 0, log: "" });
      expect(filesOf(database)).toEqual([`${signal}.db`]);
      expect(nativeValue(database, "SELECT count(*) FROM users")).toBe(40);
    },
  );
});

describe("examples/http-server.js, with statements that never end", () => {
  const path = useDirectory();

  test("asks clients that it cannot serve to come back later, and ends all the same", async () => {
    const database = path("stuck.db");
    {
      using db = native(database);
      db.exec(`
        CREATE TABLE inserted (id);
        CREATE VIEW users (id, name, email, created) AS ${FOREVER.replace("count(*)", "count(*), '', '', ''")};
        CREATE TRIGGER stuck INSTEAD OF INSERT ON users
          BEGIN INSERT INTO inserted SELECT id FROM users; END;
      `);
    }
    const { child, origin, ended } = await serve({ DATABASE: database });
    const numbers = events(origin);
    const ask = async (init?: RequestInit) => {
      const { status, headers } = await fetch(`${origin}/users`, init);
      return [status, headers.get("retry-after")];
    };
    const user = { name: "n", email: "n@x" };
    const write = () => ask({ method: "POST", body: JSON.stringify(user) });

    // One writes, the other one waits for its turn.
    const writes = [write(), write()];
    await until(numbers, ({ active, waiting }) => active === 1 && waiting === 1);

    // Four read at most, as there are five connections; others wait in vain, and the rest may not even wait.
    let refused = 0;
    const count = (answer: unknown) => {
      expect(answer).toEqual([503, "1"]);
      refused++;
    };
    const reads = Array.from({ length: 110 }, () => ask());
    const counted = reads.map((read) => read.then(count));
    await until(numbers, ({ timedOut, rejected }) => timedOut + rejected >= 106);
    expect(await Promise.race(writes)).toEqual([503, "1"]); // SQLITE_BUSY
    const { timedOut, rejected } = await (await fetch(`${origin}/stats`)).json();
    expect(timedOut).toBeGreaterThan(0); // ACQUIRE_TIMEOUT
    expect(rejected).toBeGreaterThan(0); // POOL_EXHAUSTED

    // Told to end, it waits for what runs, for one that waits for its turn, and for one that never comes.
    const waits = await begin(origin, user);
    const never = await begin(origin, user);
    const cut = rejection(never.answer);
    child.kill("SIGTERM");
    await untilEnded(numbers);
    waits.finish();
    const closed = { status: 503, headers: { "retry-after": "1", connection: "close" } };
    expect(await waits.answer).toMatchObject(closed); // POOL_CLOSED
    expect(await Promise.all(writes)).toEqual([
      [503, "1"],
      [503, "1"],
    ]);
    await Promise.all(counted);
    expect(refused).toBe(110);
    expect(await cut).toHaveProperty("code", "ECONNRESET");
    expect(await ended).toEqual({ code: 0, log: "" });
    expect(filesOf(database)).toEqual(["stuck.db"]);
  });
});
