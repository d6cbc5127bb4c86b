// How the official build is loaded.

import { openPool } from "sqlite-wasm-pool";
import { afterEach, expect, test } from "vitest";

const host = globalThis as { sqlite3ApiConfig?: unknown };
afterEach(() => {
  delete host.sqlite3ApiConfig;
});

/** Two that load it at the same time, in this thread. */
async function load(): Promise<void> {
  const pools = await Promise.all([
    openPool(":memory:", { threads: 0 }),
    openPool(":memory:", { threads: 0 }),
  ]);
  for (const pool of pools) {
    expect(await pool.queryValue("SELECT 1")).toBe(1);
    await pool.close();
  }
}

test("settings of the page's own for the build are there again when it has been loaded", async () => {
  const own = { debug: () => {} };
  host.sqlite3ApiConfig = own;
  await load();
  expect(host.sqlite3ApiConfig).toBe(own);
});

test("no settings are left behind where there were none", async () => {
  await load();
  expect("sqlite3ApiConfig" in host).toBe(false);
});
