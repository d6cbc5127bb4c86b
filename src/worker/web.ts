// Entry of a dedicated worker: starts SQLite, says so, then answers requests.

import type { NewSqlJs } from "../engine/sql-js-module.ts";
import { StorageError } from "../errors.ts";
import { RowPacker } from "../rpc/codec.ts";
import type { LinePort, WebThreadStart, WebThreadStarted } from "../rpc/endpoint.ts";
import type { ThreadConfig } from "../rpc/protocol.ts";
import { serveRings } from "../rpc/ring-server.ts";
import { serve } from "../rpc/server.ts";
import { takeWebLock } from "../rpc/web-lock.ts";
import { toWire } from "../rpc/wire-error.ts";
import { takeThreadLocks, withGuests } from "./guests.ts";
import { Host } from "./host.ts";
import { asKnownError } from "./storages.ts";
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
    const platform = { openStorage: openWebStorage, loadSqlJs };
    const host = await Host.start(config, platform, new RowPacker(), interrupts);
    const endpoint = {
      post: (message: unknown, transfer: ArrayBuffer[]) => scope.postMessage(message, transfer),
      onMessage: (listener: (message: unknown) => void) =>
        scope.addEventListener("message", ({ data, ports: [port] }) => {
          // A port is for a guest's line; all else is of the worker's own caller.
          if (port === undefined) listener(data);
          else shared?.usePort((data as LinePort).line, port);
        }),
    };
    const shared = guests && withGuests(host, guests, () => scope.close());
    const handler = shared ?? host;
    if (rings === undefined) serve(endpoint, handler);
    else serveRings(endpoint, handler, rings);
    scope.postMessage({ error: undefined, found: host.found } satisfies WebThreadStarted);
  } catch (thrown) {
    scope.postMessage({
      error: toWire(asKnownError(thrown)),
      found: undefined,
    } satisfies WebThreadStarted);
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
