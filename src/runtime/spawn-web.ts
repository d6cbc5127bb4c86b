// Starts workers that own SQLite.

import { StorageError } from "../errors.ts";
import { INTERRUPT_WORDS, ThreadClient } from "../rpc/client.ts";
import type {
  Endpoint,
  FoundStorage,
  LinePort,
  WebThreadStart,
  WebThreadStarted,
} from "../rpc/endpoint.ts";
import type { ThreadConfig } from "../rpc/protocol.ts";
import { canUseRings, newRing } from "../rpc/ring.ts";
import { lifeLock } from "../rpc/tab-protocol.ts";
import { whenFree } from "../rpc/web-lock.ts";
import { fromWire } from "../rpc/wire-error.ts";
import { canShareMemory } from "../shared-memory.ts";
import { type WebEngine, webEngine } from "./web-engine.ts";

/** How long a worker without shared memory may take to end before it is no longer waited for. */
const END_MS = 2_000;

/** A worker that is ready. */
export interface WebThread {
  readonly port: ThreadClient;
  readonly found: FoundStorage;
  /** Gives the worker a port for a line of another tab. */
  usePort(line: string, port: MessagePort): void;
}

/**
 * Starts a dedicated worker with an instance of SQLite; with `guests`, for other tabs as well.
 * @throws StorageError (`unsupported` where there are no workers), what else kept SQLite from starting
 */
export async function spawnWebThread(
  config: ThreadConfig,
  guests?: WebThreadStart["guests"],
): Promise<WebThread> {
  if (typeof Worker === "undefined") {
    throw noWorker("there are none inside of this thread");
  }
  const interrupts = canShareMemory()
    ? new Int32Array(new SharedArrayBuffer(INTERRUPT_WORDS * 4))
    : undefined;
  const rings = canUseRings() ? { requests: newRing(), replies: newRing() } : undefined;
  const life =
    navigator.locks === undefined ? undefined : lifeLock(guests?.thread ?? crypto.randomUUID());
  const worker = newWorker(await webEngine(config.engine));
  try {
    const start: WebThreadStart = { config, interrupts, rings, lifeLock: life, guests };
    worker.postMessage(start);
    const found = await started(worker);
    const port = new ThreadClient(webEndpoint(worker, life), {
      interrupts,
      rings: rings && { ...rings, cores: navigator.hardwareConcurrency },
    });
    const usePort = (line: string, linePort: MessagePort) =>
      worker.postMessage({ line } satisfies LinePort, [linePort]);
    return { port, found, usePort };
  } catch (error) {
    worker.terminate();
    throw error;
  }
}

function newWorker(engine: WebEngine): Worker {
  try {
    return engine.newWorker();
  } catch (thrown) {
    throw noWorker(String(thrown), thrown);
  }
}

function started(worker: Worker): Promise<FoundStorage> {
  return new Promise((resolve, reject) => {
    worker.onmessage = ({ data }: MessageEvent<WebThreadStarted>) => {
      worker.onmessage = null;
      worker.onerror = null;
      if (data.found !== undefined) resolve(data.found);
      else if (data.error !== undefined) reject(fromWire(data.error));
    };
    worker.onerror = (event) => {
      event.preventDefault();
      const why = event.message ?? "its script could not be loaded";
      reject(noWorker(why));
    };
  });
}

function webEndpoint(worker: Worker, life: string | undefined): Endpoint {
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
      if (life !== undefined) void whenFree(life).then(() => listener(cause));
    },
    // A page lives for as long as its user wants.
    ref() {},
    unref() {},
    terminate: async () => {
      worker.terminate();
      // Its file handles and locks are free only when it has really ended.
      if (life === undefined) return;
      // Where it shares no memory, nobody relies on that, and WebKit is at times slow to tell.
      const late = canShareMemory() ? undefined : AbortSignal.timeout(END_MS);
      await whenFree(life, late).catch(() => {});
    },
  };
}

function noWorker(why: string, cause?: unknown): StorageError {
  const message = `no worker can be started here (${why}); try \`threads: 0\``;
  return new StorageError("unsupported", message, { cause });
}
