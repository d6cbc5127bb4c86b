// Starts threads that own SQLite.

import type { Worker } from "node:worker_threads";
import { fromWire } from "../errors.ts";
import { INTERRUPT_WORDS, ThreadClient } from "../rpc/client.ts";
import type { Endpoint, ThreadStart, ThreadStarted } from "../rpc/endpoint.ts";
import type { Port } from "../rpc/port.ts";
import type { ThreadConfig } from "../rpc/protocol.ts";
import { canUseRings, newRing } from "../rpc/ring.ts";

/**
 * Starts a worker thread with an instance of SQLite. It keeps the process alive only while it has
 * work to do. @throws what kept the thread from starting.
 */
export async function spawnNodeThread(
  config: ThreadConfig,
  options: { readonly ring: boolean } = { ring: true },
): Promise<Port> {
  const { Worker } = await import("node:worker_threads");
  const interrupts = new Int32Array(new SharedArrayBuffer(INTERRUPT_WORDS * 4));
  const rings =
    options.ring && canUseRings() ? { requests: newRing(), replies: newRing() } : undefined;
  const worker = new Worker(new URL("../worker/node.js", import.meta.url), {
    workerData: { config, interrupts, rings } satisfies ThreadStart,
    // The program's own flags (`--input-type`, loaders, an inspector) are not meant for this thread.
    execArgv: [],
  });
  try {
    await started(worker);
  } catch (error) {
    await worker.terminate();
    throw error;
  }
  const nextTurn = (callback: () => void) => void setImmediate(callback);
  return new ThreadClient(nodeEndpoint(worker), { interrupts, rings, nextTurn });
}

function started(worker: Worker): Promise<void> {
  return new Promise((resolve, reject) => {
    const onMessage = ({ error }: ThreadStarted) => {
      stopListening();
      if (error === undefined) resolve();
      else reject(fromWire(error));
    };
    const onError = (error: unknown) => {
      stopListening();
      reject(error);
    };
    const onExit = (code: number) => {
      stopListening();
      reject(new Error(`The worker thread ended with exit code ${code} before it was ready.`));
    };
    const stopListening = () => {
      worker.off("message", onMessage).off("error", onError).off("exit", onExit);
    };
    worker.on("message", onMessage).on("error", onError).on("exit", onExit);
  });
}

function nodeEndpoint(worker: Worker): Endpoint {
  return {
    post: (message, transfer) => worker.postMessage(message, transfer),
    onMessage: (listener) => {
      worker.on("message", listener);
    },
    onExit: (listener) => {
      let cause: Error | undefined;
      worker.on("error", (error) => {
        cause = error instanceof Error ? error : new Error(String(error));
      });
      worker.on("exit", () => listener(cause));
    },
    ref: () => worker.ref(),
    unref: () => worker.unref(),
    terminate: async () => {
      await worker.terminate();
    },
  };
}
