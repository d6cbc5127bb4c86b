// Entry of a dedicated worker: starts SQLite, says so, then answers requests.

import type { NewSqlJs } from "../engine/sql-js-module.ts";
import { StorageError, toWire } from "../errors.ts";
import { RowPacker } from "../rpc/codec.ts";
import type { WebThreadStart, WebThreadStarted } from "../rpc/endpoint.ts";
import type { ThreadConfig } from "../rpc/protocol.ts";
import { serveRings } from "../rpc/ring-server.ts";
import { serve } from "../rpc/server.ts";
import { takeWebLock } from "../rpc/web-lock.ts";
import { OpfsStorage } from "../storage/opfs.ts";
import { takeThreadLocks, withGuests } from "./guests.ts";
import { Host } from "./host.ts";
import { openWebStorage } from "./web-storages.ts";

/** What of a dedicated worker's global scope is used here. */
interface WorkerScope {
  postMessage(message: unknown, transfer?: ArrayBuffer[]): void;
  addEventListener(type: "message", listener: (event: MessageEvent) => void): void;
  close(): void;
  removeEventListener(type: "message", listener: (event: MessageEvent) => void): void;
}

const scope = globalThis as unknown as WorkerScope;

const onStart = ({ data }: MessageEvent): void => {
  scope.removeEventListener("message", onStart);
  void start(data as WebThreadStart);
};
scope.addEventListener("message", onStart);

async function start(started: WebThreadStart): Promise<void> {
  const { config, interrupts, rings, lifeLock, guests } = started;
  try {
    if (guests !== undefined) await takeThreadLocks(guests);
    else if (lifeLock !== undefined) await takeWebLock(lifeLock);
    let sharesFiles = true;
    const openStorage = async (options: ThreadConfig) => {
      const opened = await openWebStorage(options);
      if (opened.storage instanceof OpfsStorage) sharesFiles = opened.storage.isShared;
      return opened;
    };
    const host = await Host.start(config, { openStorage, loadSqlJs }, new RowPacker(), interrupts);
    const endpoint = {
      post: (message: unknown, transfer: ArrayBuffer[]) => scope.postMessage(message, transfer),
      onMessage: (listener: (message: unknown) => void) =>
        scope.addEventListener("message", (event) => listener(event.data)),
    };
    const handler = guests === undefined ? host : withGuests(host, guests, () => scope.close());
    if (rings === undefined) serve(endpoint, handler);
    else serveRings(endpoint, handler, rings);
    scope.postMessage({ error: undefined, sharesFiles } satisfies WebThreadStarted);
  } catch (thrown) {
    scope.postMessage({ error: toWire(thrown), sharesFiles: false } satisfies WebThreadStarted);
  }
}

/** The script lies beside the page's code, which this worker's may not. */
async function loadSqlJs({ engineScript }: ThreadConfig): Promise<NewSqlJs> {
  try {
    return (await import(/* @vite-ignore */ /* webpackIgnore: true */ `${engineScript}`)).default;
  } catch (cause) {
    const message = `sql.js could not be loaded from ${engineScript}`;
    throw new StorageError("unsupported", message, { cause });
  }
}
