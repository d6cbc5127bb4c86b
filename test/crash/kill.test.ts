// A process killed in the middle of commits: every acknowledged commit is there, no half of another.

import { type ChildProcess, spawn } from "node:child_process";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { openPool } from "sqlite-wasm-pool";
import { expect, test } from "vitest";
import { useDirectory } from "../helpers/kinds.ts";
import { native } from "../helpers/native.ts";

const ROUNDS = 54;
const WRITER = fileURLToPath(new URL("../helpers/crash-writer.js", import.meta.url));
const path = useDirectory();

/** Lets a writer run until `kills` commits were acknowledged, kills it, and returns all of those. */
async function killedWriter(
  file: string,
  options: readonly string[],
  kills: number,
): Promise<number[]> {
  const child: ChildProcess = spawn(process.execPath, [WRITER, file, ...options], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  const acknowledged: number[] = [];
  const exited = new Promise((resolve) => child.once("exit", resolve));
  if (child.stdout === null) throw new Error("no output");
  for await (const line of createInterface(child.stdout)) {
    acknowledged.push(Number(line));
    if (acknowledged.length === kills) child.kill("SIGKILL");
  }
  await exited;
  return acknowledged;
}

/** Every transaction of the writer puts one row into each of two tables. */
const HALVES =
  "SELECT count(*) FROM a FULL JOIN b USING (n) WHERE a.pad IS NULL OR b.pad IS NULL OR a.pad <> b.pad";

test.each([
  ["worker threads", ["2", "wal", "50"]],
  ["the calling thread", ["0", "wal", "20"]],
  ["a rollback journal", ["2", "delete", "0"]],
])(`acknowledged commits survive ${ROUNDS / 3} kills: %s`, async (label, options) => {
  const file = path(`${label.replaceAll(" ", "-")}.db`);
  const acknowledged: number[] = [];
  for (let round = 0; round < ROUNDS / 3; round++) {
    acknowledged.push(...(await killedWriter(file, options, 1 + ((round * 7) % 23))));
    let present: Set<number>;
    if (round % 2 === 0) {
      using db = native(file);
      expect(db.pragma("integrity_check", { simple: true })).toBe("ok");
      expect(db.prepare(HALVES).pluck().get()).toBe(0);
      present = new Set(db.prepare("SELECT n FROM a").pluck().all() as number[]);
    } else {
      await using pool = await openPool(file, { busyTimeout: 0, journalMode: options[1] as "wal" });
      expect(await pool.queryValue("PRAGMA integrity_check")).toBe("ok");
      expect(await pool.queryValue(HALVES)).toBe(0);
      present = new Set((await pool.query<{ n: number }>("SELECT n FROM a")).map(({ n }) => n));
    }
    expect(acknowledged.filter((n) => !present.has(n))).toEqual([]);
  }
  expect(acknowledged.length).toBeGreaterThan(ROUNDS);
});
