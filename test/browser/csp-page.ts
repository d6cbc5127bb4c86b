// A page that may not run WebAssembly: writes to a database, or reads what was written, and reports.

import { openPool, type PoolOptions } from "sqlite-wasm-pool";

const query = new URLSearchParams(location.search);
const report = query.get("report") ?? "";
const path = query.get("path") ?? "";
const options = JSON.parse(query.get("options") ?? "{}") as PoolOptions;

async function main(): Promise<unknown> {
  const pool = await openPool(path, options);
  try {
    await pool.execute("CREATE TABLE IF NOT EXISTS t (a)");
    await pool.execute("INSERT INTO t VALUES (?)", [2n ** 60n]);
    const { engine, storage, threads } = pool.stats();
    const { durable, parallelReads, severalConnections } = pool.capabilities;
    const rows = await pool.queryValue("SELECT count(*) FROM t WHERE a = 1152921504606846976");
    const exported = new TextDecoder().decode((await pool.export()).subarray(0, 15));
    return { engine, storage, threads, durable, parallelReads, severalConnections, rows, exported };
  } finally {
    await pool.close();
  }
}

async function forbidden(): Promise<string> {
  try {
    await WebAssembly.instantiate(Uint8Array.of(0x00, 0x61, 0x73, 0x6d, 0x01, 0x00, 0x00, 0x00));
    return "allowed";
  } catch {
    return "forbidden";
  }
}

const outcome = await main().catch((error) => ({ error: String(error?.stack ?? error) }));
const body = JSON.stringify({ webAssembly: await forbidden(), ...(outcome as object) });
await fetch(`/report/${report}`, { method: "POST", body });
