// Entry of a Node worker thread: starts SQLite, says so, then answers requests.

import { parentPort, workerData } from "node:worker_threads";
import { toWire } from "../errors.ts";
import { RowPacker } from "../rpc/codec.ts";
import type { ThreadStart, ThreadStarted } from "../rpc/endpoint.ts";
import { serve } from "../rpc/server.ts";
import { Host } from "./host.ts";

const port = parentPort;
if (port === null) throw new Error("BUG: worker/node.js runs in a thread that no one started");

const { config, interrupts } = workerData as ThreadStart;
try {
  const host = await Host.start(config, new RowPacker(), interrupts);
  serve(
    {
      post: (message, transfer) => port.postMessage(message, transfer),
      onMessage: (listener) => port.on("message", listener),
    },
    host,
  );
  port.postMessage({ error: undefined } satisfies ThreadStarted);
} catch (thrown) {
  port.postMessage({ error: toWire(thrown) } satisfies ThreadStarted);
}
