// Entry of a dedicated worker: starts SQLite, says so, then answers requests.

import { toWire } from "../errors.ts";
import { RowPacker } from "../rpc/codec.ts";
import type { WebThreadStart, WebThreadStarted } from "../rpc/endpoint.ts";
import type { ThreadConfig } from "../rpc/protocol.ts";
import { serveRings } from "../rpc/ring-server.ts";
import { serve } from "../rpc/server.ts";
import { OpfsStorage } from "../storage/opfs.ts";
import { Host } from "./host.ts";
import { openWebStorage } from "./web-storages.ts";

/** What of a dedicated worker's global scope is used here. */
interface WorkerScope {
  postMessage(message: unknown, transfer?: ArrayBuffer[]): void;
  addEventListener(type: "message", listener: (event: MessageEvent) => void): void;
  removeEventListener(type: "message", listener: (event: MessageEvent) => void): void;
}

const scope = globalThis as unknown as WorkerScope;

const onStart = ({ data }: MessageEvent): void => {
  scope.removeEventListener("message", onStart);
  void start(data as WebThreadStart);
};
scope.addEventListener("message", onStart);

async function start({ config, interrupts, rings, lifeLock }: WebThreadStart): Promise<void> {
  try {
    if (lifeLock !== undefined) await holdForLife(lifeLock);
    let sharesFiles = true;
    const openStorage = async (options: ThreadConfig) => {
      const opened = await openWebStorage(options);
      if (opened.storage instanceof OpfsStorage) sharesFiles = opened.storage.isShared;
      return opened;
    };
    const host = await Host.start(config, openStorage, new RowPacker(), interrupts);
    const endpoint = {
      post: (message: unknown, transfer: ArrayBuffer[]) => scope.postMessage(message, transfer),
      onMessage: (listener: (message: unknown) => void) =>
        scope.addEventListener("message", (event) => listener(event.data)),
    };
    if (rings === undefined) serve(endpoint, host);
    else serveRings(endpoint, host, rings);
    scope.postMessage({ error: undefined, sharesFiles } satisfies WebThreadStarted);
  } catch (thrown) {
    scope.postMessage({ error: toWire(thrown), sharesFiles: false } satisfies WebThreadStarted);
  }
}

/** Nothing tells a page that a worker is gone but the locks that the worker held. */
function holdForLife(name: string): Promise<void> {
  return new Promise((resolve, reject) => {
    const held = () => {
      resolve();
      return new Promise(() => {});
    };
    navigator.locks.request(name, held).catch(reject);
  });
}
