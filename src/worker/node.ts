// Entry of a worker thread in Node, Deno and Bun: starts SQLite, says so, then answers requests.

import { type MessagePort, receiveMessageOnPort, workerData } from "node:worker_threads";
import { RowPacker } from "../rpc/codec.ts";
import type { NodeThreadStart, ThreadStarted } from "../rpc/endpoint.ts";
import { serveRings } from "../rpc/ring-server.ts";
import { serve } from "../rpc/server.ts";
import { SpareBuffers } from "../rpc/spare-buffers.ts";
import { toWire } from "../rpc/wire-error.ts";
import { Host } from "./host.ts";
import { openNodeStorage } from "./node-storages.ts";
import { importSqlJs } from "./sql-js-script.ts";

const { config, interrupts, rings, port } = workerData as NodeThreadStart<MessagePort>;
try {
  const platform = { openStorage: openNodeStorage, loadSqlJs: importSqlJs };
  const spares = new SpareBuffers();
  const host = await Host.start(config, platform, new RowPacker(spares), interrupts);
  port.postMessage({ error: undefined } satisfies ThreadStarted);
  const endpoint = {
    post: (message: unknown, transfer: ArrayBuffer[]) => port.postMessage(message, transfer),
    onMessage: (listener: (message: unknown) => void) => port.on("message", listener),
    receive: () => receiveMessageOnPort(port)?.message as unknown,
  };
  if (rings === undefined) serve(endpoint, host, spares);
  else serveRings(endpoint, host, rings, spares);
} catch (thrown) {
  port.postMessage({ error: toWire(thrown) } satisfies ThreadStarted);
}
