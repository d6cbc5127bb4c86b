import { type ChildProcess, fork, spawn, spawnSync } from "node:child_process";
import { existsSync, readdirSync, readFileSync, readlinkSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";
import { fileURLToPath } from "node:url";
import { Worker } from "node:worker_threads";
import { openPool } from "sqlite-wasm-pool";
import { afterEach, describe, expect, test } from "vitest";
import { acquireLockFile, describeHolder, isDeadDraft } from "../../src/storage/lock-file.ts";
import { useDirectory } from "../helpers/kinds.ts";

const path = useDirectory();
const held: { release(): void }[] = [];
afterEach(() => {
  for (const lock of held.splice(0)) lock.release();
});

function take(database: string): "taken" | string {
  const attempt = acquireLockFile(database);
  if ("holder" in attempt) return describeHolder(attempt.holder, database);
  held.push(attempt);
  return "taken";
}

const CONTENDER = fileURLToPath(new URL("../helpers/take-lock.js", import.meta.url));
const NO_LINKS = new URL("../helpers/no-links.js", import.meta.url).href;

/** A process that takes the lock at once, and says whether it got it. */
function contender(database: string, options: { links?: boolean } = {}): Contender {
  const execArgv = options.links === false ? ["--import", NO_LINKS] : [];
  return contenderIn(fork(CONTENDER, [database], { execArgv }));
}

interface Contender {
  readonly child: ChildProcess;
  readonly outcome: Promise<string>;
}

function contenderIn(child: ChildProcess): Contender {
  const outcome = new Promise<string>((resolve) =>
    child.once("message", (m) => resolve(String(m))).once("exit", () => resolve("ended")),
  );
  return { child, outcome };
}

function ended(child: ChildProcess): Promise<void> {
  return new Promise((resolve) => {
    if (child.exitCode !== null || child.signalCode !== null) resolve();
    else child.once("exit", () => resolve());
  });
}

test("a lock is held until it is released", () => {
  const database = path("a.db");
  expect(take(database)).toBe("taken");
  expect(take(database)).toContain("another thread of this process");
  for (const lock of held.splice(0)) lock.release();
  expect(existsSync(`${database}-lock`)).toBe(false);
  expect(take(database)).toBe("taken");
});

test("another living process is named", async () => {
  const database = path("b.db");
  const { child, outcome } = contender(database);
  expect(await outcome).toBe("taken");
  expect(take(database)).toContain(`process ${child.pid} on `);
  child.kill("SIGKILL");
  await ended(child);
});

test("the lock of a killed process is taken over", async () => {
  const database = path("c.db");
  const { child, outcome } = contender(database);
  expect(await outcome).toBe("taken");
  child.kill("SIGKILL");
  await ended(child);
  expect(existsSync(`${database}-lock`)).toBe(true);
  expect(take(database)).toBe("taken");
});

test("a process that ends by itself leaves no lock", async () => {
  const database = path("d.db");
  const { child, outcome } = contender(database);
  expect(await outcome).toBe("taken");
  child.disconnect();
  await ended(child);
  expect(existsSync(`${database}-lock`)).toBe(false);
});

test("a lock whose process id was given to another process is taken over", () => {
  const database = path("e.db");
  expect(take(database)).toBe("taken");
  const record = JSON.parse(readFileSync(`${database}-lock`, "utf8"));
  for (const lock of held.splice(0)) lock.release();
  for (const pid of [process.pid, process.ppid]) {
    writeFileSync(
      `${database}-lock`,
      JSON.stringify({ ...record, pid, startTime: "1", token: "old" }),
    );
    expect(take(database)).toBe("taken");
    for (const lock of held.splice(0)) lock.release();
  }
});

test("a lock of another host is left alone", () => {
  const database = path("f.db");
  writeFileSync(
    `${database}-lock`,
    JSON.stringify({ version: 1, pid: 1, hostname: "elsewhere", token: "t", since: "then" }),
  );
  expect(take(database)).toContain("process 1 on elsewhere since then");
});

test("what has the name of a lock and is none stays as it is", () => {
  const database = path("foreign.db");
  const large = "x".repeat(1_000_000);
  for (const text of [
    "{}",
    "[",
    "null",
    '{"pid":1}',
    '{"pid":1,"token":"../x"}',
    "SQLite format 3",
    large,
  ]) {
    writeFileSync(`${database}-lock`, text);
    expect(() => take(database)).toThrow(
      expect.objectContaining({ reason: "locked", message: expect.stringContaining("is none") }),
    );
    expect(readFileSync(`${database}-lock`, "utf8")).toBe(text);
  }
});

describe.each([{ links: true }, { links: false }])("where there are links: $links", (options) => {
  test("of many processes that find a dead lock one gets it, and no litter stays", async () => {
    const name = `g-${options.links}.db`;
    const database = path(name);
    const dead = contender(database, options);
    expect(await dead.outcome).toBe("taken");
    dead.child.kill("SIGKILL");
    await ended(dead.child);
    const rivals = Array.from({ length: 6 }, () => contender(database, options));
    const outcomes = await Promise.all(rivals.map(({ outcome }) => outcome));
    expect(outcomes.filter((outcome) => outcome === "taken")).toHaveLength(1);
    expect(take(database)).toContain(" since ");
    for (const { child } of rivals) child.disconnect();
    await Promise.all(rivals.map(({ child }) => ended(child)));
    const litter = readdirSync(dirname(database)).filter((file) => file.startsWith(name));
    expect(litter).toEqual([]);
  });
});

test("drafts that a killed process has left are told from those of the living, and from others' files", async () => {
  const database = path("drafts.db");
  const child = contender(database);
  expect(await child.outcome).toBe("taken");
  const record = readFileSync(`${database}-lock`, "utf8");
  const [one, two] = [crypto.randomUUID(), crypto.randomUUID()];
  const drafts = [
    `${database}-lock-${one}`,
    `${database}-lock.${one}`,
    `${database}-lock.${one}-${two}`,
  ];
  const others = [`${database}-lock-mine`, `${database}-lock`, `${database}x-lock-${one}`];
  for (const file of [...drafts, ...others]) writeFileSync(file, record);
  expect(drafts.filter((file) => isDeadDraft(file, database))).toEqual([]);
  child.child.kill("SIGKILL");
  await ended(child.child);
  expect([...drafts, ...others].filter((file) => isDeadDraft(file, database))).toEqual(drafts);
  const [unfinished = ""] = drafts;
  writeFileSync(unfinished, "");
  expect(isDeadDraft(unfinished, database)).toBe(false);
  await (await openPool(database, { threads: 0 })).close();
  const left = readdirSync(dirname(database)).filter((file) => file.startsWith("drafts.db-lock"));
  expect(left).toEqual([`drafts.db-lock-${one}`, "drafts.db-lock-mine"]);
});

test("a lock whose record is not finished counts as held", () => {
  const database = path("unfinished.db");
  expect(take(database)).toBe("taken");
  const record = readFileSync(`${database}-lock`, "utf8");
  for (const lock of held.splice(0)) lock.release();
  for (const length of [0, 1, 20, record.length - 1]) {
    writeFileSync(`${database}-lock`, record.slice(0, length));
    expect(take(database)).toContain("delete that file");
    expect(readFileSync(`${database}-lock`, "utf8")).toHaveLength(length);
  }
});

test("the lock of another thread of this process counts while the thread lives", async () => {
  const database = path("h.db");
  const worker = new Worker(new URL("../helpers/take-lock.js", import.meta.url), {
    argv: [database],
  });
  const outcome = await new Promise((resolve) => worker.once("message", resolve));
  expect(outcome).toBe("taken");
  expect(take(database)).toContain("another thread of this process");
  await worker.terminate();
  expect(take(database)).toBe("taken");
});

/** How a program is started in a namespace of process ids of its own; undefined where that is not allowed. */
const UNSHARE = [[], ["--user", "--map-root-user"]]
  .map((more) => [...more, "--pid", "--fork", "--kill-child", "--mount-proc"])
  .find((flags) => spawnSync("unshare", [...flags, "true"]).status === 0);

test.skipIf(UNSHARE === undefined)(
  "the living lock of another container of the same host name is left alone",
  async () => {
    const database = path("i.db");
    const { child, outcome } = contenderIn(
      spawn("unshare", [...(UNSHARE ?? []), process.execPath, CONTENDER, database], {
        stdio: ["ignore", "inherit", "inherit", "ipc"],
      }),
    );
    expect(await outcome).toBe("taken");
    const { pid } = JSON.parse(readFileSync(`${database}-lock`, "utf8"));
    // Its own number, which here is another process's, or none's.
    expect(pid).not.toBe(child.pid);
    expect(take(database)).toContain(`once you are sure that it does not, delete ${database}-lock`);
    expect(existsSync(`${database}-lock`)).toBe(true);
    child.disconnect();
    await ended(child);
    expect(take(database)).toBe("taken");
  },
);

const NAMESPACE = "/proc/self/ns/pid";

describe.skipIf(!existsSync(NAMESPACE))("on Linux", () => {
  /** What comes of a lock of this process that differs from its own in `changes`. */
  function takeAfter(changes: { pid?: number; pidNamespace?: string; bootId?: string }): string {
    const database = path(`${crypto.randomUUID()}.db`);
    expect(take(database)).toBe("taken");
    const record = JSON.parse(readFileSync(`${database}-lock`, "utf8"));
    for (const lock of held.splice(0)) lock.release();
    writeFileSync(`${database}-lock`, JSON.stringify({ ...record, token: "old", ...changes }));
    return take(database);
  }
  const INITIAL = "pid:[4026531836]";
  const OTHER = "pid:[4026530000]";
  const UNKNOWN = expect.stringContaining("cannot be found out");

  test("a lock of another namespace of process ids is left alone, whatever its process", () => {
    for (const pid of [process.pid, process.ppid, 2 ** 30]) {
      expect(takeAfter({ pid, pidNamespace: OTHER })).toEqual(UNKNOWN);
    }
  });

  test("a lock from before the system was started is taken over", { skip: !isInitial() }, () => {
    for (const pid of [process.pid, process.ppid]) {
      expect(takeAfter({ pid, bootId: "another" })).toBe("taken");
    }
  });

  test("one of a container of another boot is left alone: it may be on another machine", () => {
    expect(takeAfter({ pidNamespace: OTHER, bootId: "another" })).toEqual(UNKNOWN);
  });

  function isInitial(): boolean {
    return existsSync(NAMESPACE) && readlinkSync(NAMESPACE) === INITIAL;
  }
});
