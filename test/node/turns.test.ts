// Connections of one thread take turns, inside of one long request as well.

import { openPool } from "sqlite-wasm-pool";
import { expect, test } from "vitest";
import { rejection, useDirectory } from "../helpers/kinds.ts";

const directory = useDirectory();
/** Each entry takes long enough for others to ask meanwhile. */
const SLOW_INSERT = `
  INSERT INTO t
  WITH RECURSIVE n(i) AS (SELECT ? UNION ALL SELECT i + 1 FROM n LIMIT 20000)
  SELECT max(i) FROM n`;
const ENTRIES = Array.from({ length: 200 }, (_, i) => [i]);

async function twoInOneThread(name: string) {
  const pool = await openPool(directory(name), { threads: 1, maxConnections: 2 });
  await pool.execute("CREATE TABLE t (a)");
  return { pool, writer: await pool.acquire(), reader: await pool.acquire() };
}

test("a reader is answered between the entries of one request, from its own snapshot", async () => {
  const { pool, writer, reader } = await twoInOneThread("reader.db");
  let written = false;
  const writing = writer.executeMany(SLOW_INSERT, ENTRIES).finally(() => {
    written = true;
  });
  for (let i = 0; i < 5; i++) expect(await reader.queryValue("SELECT count(*) FROM t")).toBe(0);
  expect(written).toBe(false);
  await writing;
  expect(await reader.queryValue("SELECT count(*) FROM t")).toBe(ENTRIES.length);
  await pool.close({ timeout: 0 });
});

test("the time limits of both are their own", async () => {
  const { pool, writer, reader } = await twoInOneThread("limits.db");
  const writing = rejection(writer.executeMany(SLOW_INSERT, ENTRIES, { timeout: 100 }));
  const endless =
    "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i FROM n) SELECT max(i) FROM n";
  const reading = rejection(reader.queryValue(endless, [], { timeout: 20 }));
  expect(await reading).toMatchObject({ code: "SQLITE_INTERRUPT" });
  expect(await reader.queryValue("SELECT count(*) FROM t")).toBe(0);
  expect(await writing).toMatchObject({ code: "SQLITE_INTERRUPT" });
  expect(await reader.queryValue("SELECT count(*) FROM t")).toBe(0);
  await pool.close({ timeout: 0 });
});

test("to interrupt one of them does not stop the other", async () => {
  const { pool, writer, reader } = await twoInOneThread("interrupts.db");
  const writing = writer.executeMany(SLOW_INSERT, ENTRIES);
  const endless =
    "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i FROM n) SELECT max(i) FROM n";
  const reading = rejection(reader.queryValue(endless));
  setTimeout(() => reader.interrupt(), 30);
  expect(await reading).toMatchObject({ code: "SQLITE_INTERRUPT" });
  expect(await writing).toEqual({ changes: ENTRIES.length });
  await pool.close({ timeout: 0 });
});
