// A thread with SQLite in a browser: a worker, or the calling thread.

import { StorageError } from "../errors.ts";
import type { FoundStorage, WebThreadStart } from "../rpc/endpoint.ts";
import type { ThreadConfig } from "../rpc/protocol.ts";
import { spawnWebThread } from "./spawn-web.ts";
import type { SiteThread } from "./tabs/site.ts";

/** A thread, and where it runs. */
export interface StartedThread extends SiteThread {
  /** In a worker. */
  readonly isSeparate: boolean;
}

/**
 * Starts a thread where `threads` says. With `"auto"`, and no worker that can have the database, that is
 * the calling thread.
 * @throws StorageError
 */
export async function startWebThread(
  config: ThreadConfig,
  threads: number | "auto",
  guests?: WebThreadStart["guests"],
): Promise<StartedThread> {
  if (threads === 0) return { ...(await startHere(config, guests)), isSeparate: false };
  try {
    const started = await spawnWebThread(config, guests);
    return { ...started, isSeparate: true, ...(guests && { thread: guests.thread }) };
  } catch (thrown) {
    const isUnsupported = thrown instanceof StorageError && thrown.reason === "unsupported";
    if (!isUnsupported || threads !== "auto") throw thrown;
    const thread = await startHere({ ...config, severalThreads: false }, guests).catch(() => {
      throw thrown;
    });
    const found = withFallback(thread.found, thrown.message);
    return { port: thread.port, found, isSeparate: false };
  }
}

async function startHere(config: ThreadConfig, guests: WebThreadStart["guests"]) {
  const { startInline } = await import("../worker/inline.ts");
  const { openWebStorage } = await import("../worker/web-storages.ts");
  // What this thread runs it cannot stop.
  return startInline(config, openWebStorage, guests && { ...guests, interrupts: undefined });
}

function withFallback(found: FoundStorage, why: string): FoundStorage {
  return { ...found, fallbacks: [{ tried: "worker", why }, ...found.fallbacks] };
}
