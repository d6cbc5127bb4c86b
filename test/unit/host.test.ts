import { existsSync } from "node:fs";
import { expect, test } from "vitest";
import type { ThreadConfig } from "../../src/rpc/protocol.ts";
import { startInline } from "../../src/worker/inline.ts";
import { openNodeStorage } from "../../src/worker/node-storages.ts";
import { useDirectory } from "../helpers/kinds.ts";

const path = useDirectory();

const CONFIG: Omit<ThreadConfig, "path"> = {
  engine: "sqlite-wasm",
  storage: "file",
  readonly: false,
  create: true,
  journalMode: "wal",
  synchronous: "normal",
  foreignKeys: true,
  pragmas: {},
  maxConnections: 5,
  statementCacheSize: 0,
  integers: "auto",
  shared: undefined,
  severalThreads: false,
  busyTimeout: 0,
  slot: 0,
};

test.each(["reset", "close"] as const)(
  "a %s of a connection deletes the file that it was to import, whether it has or not",
  async (kind) => {
    const { port } = await startInline({ ...CONFIG, path: path(`${kind}.db`) }, openNodeStorage);
    const [own, other, used] = [path("own"), path("other"), path("used")];
    const create = async (connection: number, file: string) => {
      const reply = await port.request({
        kind: "file",
        connection,
        operation: "create",
        path: file,
      });
      expect(reply.error).toBeUndefined();
    };
    for (const connection of [1, 2]) await port.request({ kind: "open", connection });
    await create(1, own);
    await create(2, other);
    await create(1, used);
    await port.request({ kind: "import", connection: 1, source: used });
    expect([own, other, used].map(existsSync)).toEqual([true, true, true]);
    expect((await port.request({ kind, connection: 1 })).error).toBeUndefined();
    expect([own, other, used].map(existsSync)).toEqual([false, true, false]);
    await port.close();
  },
);
