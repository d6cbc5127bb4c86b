// Starts workers that own SQLite.

import { fromWire, StorageError } from "../errors.ts";
import { INTERRUPT_WORDS, ThreadClient } from "../rpc/client.ts";
import type { Endpoint, WebThreadStart, WebThreadStarted } from "../rpc/endpoint.ts";
import type { Port } from "../rpc/port.ts";
import type { ThreadConfig } from "../rpc/protocol.ts";
import { canUseRings, newRing } from "../rpc/ring.ts";
import { webEngine } from "./web-engine.ts";

/** A worker that is ready. */
export interface WebThread {
  readonly port: Port;
  /** Other workers can have the same files open. */
  readonly sharesFiles: boolean;
}

/** Starts a dedicated worker with an instance of SQLite. @throws what kept it from starting */
export async function spawnWebThread(config: ThreadConfig): Promise<WebThread> {
  if (typeof Worker === "undefined") {
    throw new StorageError("unsupported", "no worker can be started here; try `threads: 0`");
  }
  const sharesMemory = typeof SharedArrayBuffer === "function";
  const interrupts = sharesMemory
    ? new Int32Array(new SharedArrayBuffer(INTERRUPT_WORDS * 4))
    : undefined;
  const rings = canUseRings() ? { requests: newRing(), replies: newRing() } : undefined;
  const lifeLock =
    navigator.locks === undefined ? undefined : `sqlite-wasm-pool-thread:${crypto.randomUUID()}`;
  const worker = (await webEngine()).newWorker();
  try {
    const start: WebThreadStart = { config, interrupts, rings, lifeLock };
    worker.postMessage(start);
    const { sharesFiles } = await started(worker);
    const port = new ThreadClient(webEndpoint(worker, lifeLock), { interrupts, rings });
    return { port, sharesFiles };
  } catch (error) {
    worker.terminate();
    throw error;
  }
}

function started(worker: Worker): Promise<WebThreadStarted> {
  return new Promise((resolve, reject) => {
    worker.onmessage = ({ data }: MessageEvent<WebThreadStarted>) => {
      worker.onmessage = null;
      worker.onerror = null;
      if (data.error === undefined) resolve(data);
      else reject(fromWire(data.error));
    };
    worker.onerror = (event) => {
      event.preventDefault();
      const why = event.message ?? "its script could not be loaded";
      reject(new StorageError("unsupported", `the worker of SQLite did not start: ${why}`));
    };
  });
}

function webEndpoint(worker: Worker, lifeLock: string | undefined): Endpoint {
  let onExit: (error: Error | undefined) => void = () => {};
  let cause: Error | undefined;
  worker.onerror = (event) => {
    event.preventDefault();
    cause = new Error(event.message);
    // What was thrown outside of a request leaves the worker in an unknown state.
    worker.terminate();
    onExit(cause);
  };
  return {
    post: (message, transfer) => worker.postMessage(message, transfer),
    onMessage: (listener) => {
      worker.onmessage = ({ data }) => listener(data);
    },
    onExit: (listener) => {
      onExit = listener;
      if (lifeLock !== undefined) void whenFree(lifeLock).then(() => listener(cause));
    },
    // A page lives for as long as its user wants.
    ref() {},
    unref() {},
    terminate: async () => {
      worker.terminate();
      // Its file handles and locks are free only when it has really ended.
      if (lifeLock !== undefined) await whenFree(lifeLock);
    },
  };
}

async function whenFree(lock: string): Promise<void> {
  await navigator.locks.request(lock, { mode: "shared" }, () => {});
}
