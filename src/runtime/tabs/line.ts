// A line to a worker of another tab, as its user sees it.

import { ThreadClient } from "../../rpc/client.ts";
import type { Endpoint } from "../../rpc/endpoint.ts";
import type { Port } from "../../rpc/port.ts";
import { type FromLine, lifeLock, lineChannel } from "../../rpc/tab-protocol.ts";
import { takeWebLock, whenFree } from "../../rpc/web-lock.ts";

/** Opens a line to `thread`, which `ask` tells of it; undefined where the thread has ended. */
export async function openLine(
  thread: string,
  ask: (line: string) => void,
  signal: AbortSignal,
): Promise<Port | undefined> {
  const line = crypto.randomUUID();
  // Held for as long as the line is used: the worker takes its end for the end of the user.
  const life = await takeWebLock(lifeLock(line), { signal });
  const channel = new BroadcastChannel(lineChannel(line));
  const close = () => {
    channel.close();
    life.release();
  };
  try {
    if (await isReady(channel, thread, () => ask(line), signal)) {
      return new ThreadClient(endpoint(channel, thread, close), { interrupts: undefined });
    }
  } catch (thrown) {
    close();
    throw thrown;
  }
  close();
  return undefined;
}

/** Waits for the thread to take the line; false when it has ended instead. */
function isReady(
  channel: BroadcastChannel,
  thread: string,
  ask: () => void,
  signal: AbortSignal,
): Promise<boolean> {
  const done = new AbortController();
  const either = AbortSignal.any([signal, done.signal]);
  return new Promise<boolean>((resolve, reject) => {
    channel.onmessage = ({ data }: MessageEvent<FromLine>) => resolve(data.type === "ready");
    whenFree(lifeLock(thread), either).then(() => resolve(false), reject);
    ask();
  }).finally(() => done.abort());
}

function endpoint(channel: BroadcastChannel, thread: string, close: () => void): Endpoint {
  return {
    post: (message) => channel.postMessage(message),
    onMessage: (listener) => {
      channel.onmessage = ({ data }) => listener(data);
    },
    onExit: (listener) => void whenFree(lifeLock(thread)).then(() => listener(undefined)),
    ref() {},
    unref() {},
    terminate: async () => close(),
  };
}
