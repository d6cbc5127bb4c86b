// Starts threads that own SQLite, in Node, Deno and Bun.
//
// All messages go through a channel of our own: the thread can then take one without a return to its
// event loop in every runtime, and the channel's end tells when the thread has really stopped.

import type { MessagePort, Worker } from "node:worker_threads";
import { asError } from "../errors.ts";
import { INTERRUPT_WORDS, ThreadClient } from "../rpc/client.ts";
import type { Endpoint, NodeThreadStart, ThreadStarted } from "../rpc/endpoint.ts";
import type { Port } from "../rpc/port.ts";
import type { ThreadConfig } from "../rpc/protocol.ts";
import { canUseRings, newRing } from "../rpc/ring.ts";
import { fromWire } from "../rpc/wire-error.ts";

/**
 * Starts a worker thread with an instance of SQLite. It keeps the process alive only while it has
 * work to do. @throws what kept the thread from starting.
 */
export async function spawnNodeThread(config: ThreadConfig): Promise<Port> {
  const [{ MessageChannel, Worker }, { availableParallelism }] = await Promise.all([
    import("node:worker_threads"),
    import("node:os"),
  ]);
  const interrupts = new Int32Array(new SharedArrayBuffer(INTERRUPT_WORDS * 4));
  const rings = canUseRings() ? { requests: newRing(), replies: newRing() } : undefined;
  const { port1: port, port2: far } = new MessageChannel();
  const worker = new Worker(new URL("../worker/node.js", import.meta.url), {
    workerData: { config, interrupts, rings, port: far } satisfies NodeThreadStart,
    transferList: [far],
    // The program's own flags (`--input-type`, loaders, an inspector) are not meant for this thread.
    execArgv: [],
  });
  const stopped = new Promise<void>((resolve) => port.once("close", resolve));
  try {
    await started(worker, port);
  } catch (error) {
    await worker.terminate();
    throw error;
  }
  const nextTurn = (callback: () => void) => void setImmediate(callback);
  return new ThreadClient(nodeEndpoint(worker, port, stopped), {
    interrupts,
    givesBack: true,
    rings: rings && { ...rings, nextTurn, cores: availableParallelism() },
  });
}

function started(worker: Worker, port: MessagePort): Promise<void> {
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
      port.off("message", onMessage);
      worker.off("error", onError).off("exit", onExit);
    };
    port.on("message", onMessage);
    worker.on("error", onError).on("exit", onExit);
  });
}

function nodeEndpoint(worker: Worker, port: MessagePort, stopped: Promise<void>): Endpoint {
  return {
    post: (message, transfer) => port.postMessage(message, transfer),
    onMessage: (listener) => {
      port.on("message", listener);
      // The worker alone decides whether the process stays.
      port.unref();
    },
    onExit: (listener) => {
      let cause: Error | undefined;
      worker.on("error", (error) => {
        cause = asError(error);
      });
      worker.on("exit", () => listener(cause));
    },
    ref: () => worker.ref(),
    unref: () => worker.unref(),
    terminate: async () => {
      // Nothing else may keep the process until it is told of the end.
      port.ref();
      await worker.terminate();
      // Deno says that a thread has ended when it was told to; its end of the channel goes with it.
      await stopped;
    },
  };
}
