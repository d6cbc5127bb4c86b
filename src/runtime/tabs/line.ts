// A line to a worker of another tab, as its user sees it.

import { ThreadClient } from "../../rpc/client.ts";
import type { Endpoint } from "../../rpc/endpoint.ts";
import type { Port } from "../../rpc/port.ts";
import { type FromLine, lifeLock, lineChannel } from "../../rpc/tab-protocol.ts";
import { takeWebLock, whenFree } from "../../rpc/web-lock.ts";

/** What a line is opened with. */
export interface LineOptions {
  /** Tells the thread of the line. */
  ask(line: string): void;
  /** Gets a port to the thread, where there is a way; the line is faster with one. */
  offerPort(line: string): Promise<MessagePort | undefined>;
  readonly signal: AbortSignal;
}

/** Opens a line to `thread`; undefined where the thread has ended. @throws the signal's reason */
export async function openLine(
  thread: string,
  { ask, offerPort, signal }: LineOptions,
): Promise<Port | undefined> {
  const line = crypto.randomUUID();
  // Held for as long as the line is used: the worker takes its end for the end of the user.
  const life = await takeWebLock(lifeLock(line), { signal });
  const channel = new BroadcastChannel(lineChannel(line));
  let way: BroadcastChannel | MessagePort = channel;
  const close = () => {
    channel.close();
    way.close();
    life.release();
  };
  try {
    if (await isReady(channel, thread, () => ask(line), signal)) {
      way = (await offerPort(line)) ?? channel;
      signal.throwIfAborted();
      return new ThreadClient(endpoint(way, thread, close), { interrupts: undefined });
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

function endpoint(
  way: BroadcastChannel | MessagePort,
  thread: string,
  close: () => void,
): Endpoint {
  return {
    post: (message) => way.postMessage(message),
    onMessage: (listener) => {
      way.onmessage = ({ data }) => listener(data);
    },
    onExit: (listener) => void whenFree(lifeLock(thread)).then(() => listener(undefined)),
    ref() {},
    unref() {},
    terminate: async () => close(),
  };
}
