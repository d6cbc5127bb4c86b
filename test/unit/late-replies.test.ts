// Replies of a thread whose storage keeps what is written only later: they wait, and so does what comes
// meanwhile.

import { MessageChannel } from "node:worker_threads";
import { expect, test } from "vitest";
import { ThreadClient } from "../../src/rpc/client.ts";
import { RowPacker } from "../../src/rpc/codec.ts";
import type { Request, RunRequest, ThreadConfig } from "../../src/rpc/protocol.ts";
import { serve } from "../../src/rpc/server.ts";
import { createMemoryDisk, memoryStorage } from "../../src/storage/memory.ts";
import { Host } from "../../src/worker/host.ts";

const config: ThreadConfig = {
  engine: "sqlite-wasm",
  storage: "memory",
  path: ":memory:late",
  readonly: false,
  create: true,
  journalMode: "wal",
  synchronous: "full",
  foreignKeys: true,
  pragmas: {},
  maxConnections: 5,
  statementCacheSize: 10,
  integers: "auto",
  shared: undefined,
  severalThreads: false,
  busyTimeout: 0,
  slot: 0,
};

/** A host with something to keep after each request. */
function startHost(): Promise<Host> {
  let changes = 0;
  const writeBack = {
    get changes() {
      return changes++;
    },
    flush: async () => {},
    canRevert: true,
    revert() {},
  };
  const storage = { ...memoryStorage(createMemoryDisk(config.path)), writeBack };
  const found = {
    storage: "memory",
    sharesFiles: false,
    attachStored: false,
    fallbacks: [],
  } as const;
  const guard = () => ({ release() {} });
  const platform = {
    openStorage: async () => ({ storage, guard, found }),
    loadSqlJs: () => Promise.reject(new Error("not needed")),
  };
  return Host.start(config, platform, new RowPacker(), undefined);
}

function value(connection: number, sql: string): RunRequest {
  const access = { permit: false, readonly: false, timeoutMs: 0 };
  return { kind: "run", connection, sql, params: [], want: "value", ...access };
}

test("late replies each have the row of their own request, however soon the next one has run", async () => {
  const { port1, port2 } = new MessageChannel();
  const host = await startHost();
  serve(
    {
      post: (message, transfer) => port2.postMessage(message, transfer),
      onMessage: (listener) => port2.on("message", listener),
    },
    host,
  );
  const client = new ThreadClient(
    {
      post: (message, transfer) => port1.postMessage(message, transfer),
      onMessage: (listener) => port1.on("message", listener),
      onExit() {},
      ref() {},
      unref() {},
      terminate: async () => {},
    },
    { interrupts: undefined },
  );
  const ask = async (request: Request) => (await client.request(request)).result;
  const connections = [1, 2, 3];
  for (const connection of connections) await ask({ kind: "open", connection });
  const values = connections.map((n) => ask(value(n, `SELECT ${n}`)));
  expect(await Promise.all(values)).toEqual(connections);
  await client.close();
  port1.close();
});
