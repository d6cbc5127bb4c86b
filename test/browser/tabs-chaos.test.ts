// The owner of a database is ended at random moments, in every way there is, while four tabs write. In the
// end every acknowledged write is there once, and nothing is there twice.

import { expect, test } from "vitest";
import type { Tab } from "../harness/browsers/browser.ts";
import { launchChromium } from "../harness/browsers/chromium.ts";
import { ISOLATIONS, type Tabs, withTabs } from "./tabs-harness.ts";

const TABS = 4;
const ROUNDS = Number(process.env.CHAOS_ROUNDS ?? 6);
const SEED = Number(process.env.CHAOS_SEED ?? Date.now() % 1e6);
/** Writes that every tab has to get through between two ends of an owner. */
const WRITES_BETWEEN = 5;

/** What a tab tells of each of its writes. */
type Word =
  | { readonly tab: number; readonly id: string; readonly is: "done"; readonly at: number }
  | { readonly tab: number; readonly id: string; readonly is: "unknown" | "notRun" }
  | { readonly tab: number; readonly is: "error"; readonly message: string };

test.each(ISOLATIONS)(
  "no write is lost or doubled, whatever becomes of the owner; isolated: $isolated",
  async ({ isolated }) => {
    await withTabs(launchChromium, isolated, (tabs) => chaos(tabs));
  },
  600_000,
);

async function chaos(tabs: Tabs): Promise<void> {
  const random = randomFrom(SEED);
  const words: Word[] = [];
  const onWord: (() => void)[] = [];
  const stopListening = tabs.server.onReport("chaos", (body) => {
    words.push(JSON.parse(body) as Word);
    for (const heard of onWord.splice(0)) heard();
  });
  const until = async (holds: () => boolean) => {
    while (!holds()) await new Promise<void>((heard) => onWord.push(heard));
  };
  const doneBy = (tab: number) => words.filter((word) => word.is === "done" && word.tab === tab);

  const living = new Map<number, Tab>();
  let next = 0;
  const addTab = async () => {
    const number = next++;
    const { tab } = await tabs.openPool("chaos.db");
    living.set(number, tab);
    await tab.run(startWriting, number);
  };
  const first = await tabs.open();
  await first.run(async () => {
    const setUp = await openPool("chaos.db");
    await setUp.executeScript(`
      CREATE TABLE log(id TEXT, kind TEXT);
      CREATE TABLE counter(n INTEGER);
      INSERT INTO counter VALUES (0);`);
    await setUp.close();
  }, undefined);
  await first.close();
  for (let i = 0; i < TABS; i++) await addTab();

  const takeovers: number[] = [];
  for (let round = 0; round < ROUNDS; round++) {
    const goals = [...living.keys()].map((tab) => [tab, doneBy(tab).length + WRITES_BETWEEN]);
    await until(() => goals.every(([tab = 0, goal = 0]) => doneBy(tab).length >= goal));
    const owner = await findOwner(living);
    // Somewhere in the middle of what the tabs are writing.
    await until(
      (
        (left) => () =>
          left-- <= 0
      )(Math.floor(random() * 8)),
    );
    const way = ["close", "crash", "worker"][Math.floor(random() * 3)];
    const ended = living.get(owner);
    const endedAt = Date.now();
    if (way === "worker") await ended?.run(() => endWorkers(), undefined);
    else {
      living.delete(owner);
      if (way === "close") await ended?.close();
      else await ended?.crash?.();
    }
    const others = [...living.keys()].filter((tab) => tab !== owner);
    const resumedAt = (tab: number) =>
      words.find((word) => word.is === "done" && word.tab === tab && word.at > endedAt + 1);
    await until(() => others.every((tab) => resumedAt(tab) !== undefined));
    const times = others.flatMap((tab) => {
      const word = resumedAt(tab);
      return word?.is === "done" ? [word.at - endedAt] : [];
    });
    takeovers.push(Math.min(...times));
    if (process.env.CHAOS_TRACE) console.log(way, times.join(" "));
    if (living.size < TABS) await addTab();
  }
  await Promise.all([...living.values()].map((tab) => tab.run(stopWriting, undefined)));
  stopListening();

  const { tab: judge } = await tabs.openPool("chaos.db");
  const found = await judge.run(async () => {
    return {
      ids: await pool.query<{ id: string; n: number }>(
        "SELECT id, count(*) n FROM log GROUP BY id",
      ),
      counted: await pool.queryValue<number>("SELECT n FROM counter"),
      transactions: await pool.queryValue<number>("SELECT count(*) FROM log WHERE kind = 'txn'"),
      integrity: await pool.queryValue<string>("PRAGMA integrity_check"),
    };
  }, undefined);
  const counts = new Map(found.ids.map(({ id, n }) => [id, n]));
  takeovers.sort((a, b) => a - b);
  console.log(
    `seed ${SEED}: ${words.length} writes, ${words.filter(({ is }) => is === "unknown").length} of unknown fate; first write after an owner's end, ms: median ${takeovers[takeovers.length >> 1]}, most ${takeovers.at(-1)}`,
  );
  expect(words.filter((word) => word.is === "error")).toEqual([]);
  expect(words.filter((word) => word.is === "done" && counts.get(word.id) !== 1)).toEqual([]);
  expect(words.filter((word) => word.is === "notRun" && counts.has(word.id))).toEqual([]);
  expect([...counts].filter(([, n]) => n !== 1)).toEqual([]);
  expect(found.counted).toBe(found.transactions);
  expect(found.integrity).toBe("ok");
}

async function findOwner(living: ReadonlyMap<number, Tab>): Promise<number> {
  for (;;) {
    for (const [number, tab] of living) {
      if ((await tab.run(() => pool.capabilities.role, undefined)) === "owner") return number;
    }
  }
}

/** In a tab: writes until told to stop, and tells of each write. */
function startWriting(tab: number): void {
  const scope = globalThis as unknown as { isStopped: boolean; writing: Promise<void> };
  const tell = (word: object) =>
    fetch("/report/chaos", { method: "POST", body: JSON.stringify({ tab, ...word }) });
  const insert = (id: string) =>
    pool.execute("INSERT INTO log VALUES (?, 'single')", [id]).then(() => {});
  const increment = (id: string) =>
    pool.write(async (db) => {
      const n = (await db.queryValue<number>("SELECT n FROM counter")) ?? 0;
      await db.execute("INSERT INTO log VALUES (?, 'txn')", [id]);
      await db.execute("UPDATE counter SET n = ?", [n + 1]);
    });
  const write = async () => {
    for (let i = 0; !scope.isStopped; i++) {
      const id = `${tab}-${i}`;
      try {
        await (i % 2 === 0 ? insert : increment)(id);
        await tell({ id, is: "done", at: Date.now() });
      } catch (thrown) {
        const error = thrown as { name: string; mayHaveRun?: boolean; retriable?: boolean };
        if (error.name === "WorkerCrashedError" && error.retriable) {
          await tell({ id, is: error.mayHaveRun ? "unknown" : "notRun" });
        } else await tell({ is: "error", message: String((thrown as Error).stack) });
      }
      // The pool repeats reads itself: they never fail.
      await pool
        .query("SELECT count(*) FROM log")
        .catch((error) => tell({ is: "error", message: `a read failed: ${error.stack}` }));
    }
  };
  scope.writing = write();
}

async function stopWriting(): Promise<void> {
  const scope = globalThis as unknown as { isStopped: boolean; writing: Promise<void> };
  scope.isStopped = true;
  await scope.writing;
}

/** Marsaglia's xorshift. */
function randomFrom(seed: number): () => number {
  let state = seed | 1;
  return () => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) / 2 ** 32;
  };
}
