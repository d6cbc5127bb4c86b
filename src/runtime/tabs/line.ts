// A line to a worker of another tab, as its user sees it.

import { ThreadClient } from "../../rpc/client.ts";
import type { Endpoint } from "../../rpc/endpoint.ts";
import type { Port } from "../../rpc/port.ts";
import { type FromLine, type LineReady, lifeLock, lineChannel } from "../../rpc/tab-protocol.ts";
import { takeWebLock, whenFree } from "../../rpc/web-lock.ts";

/** What a line is opened with. */
export interface LineOptions {
  /** The member that started the thread, which ends with it. */
  readonly owner: string | undefined;
  /** Tells the thread of the line. */
  ask(line: string): void;
  /** Stops what a connection has sent over the line, up to the request `serial`. */
  interrupt(line: string, connection: number, serial: number): void;
  /** Gets a port to the thread, where there is a way; the line is faster with one. */
  offerPort(line: string): Promise<MessagePort | undefined>;
  readonly signal: AbortSignal;
}

/** Opens a line to `thread`; undefined where the thread has ended. @throws the signal's reason */
export async function openLine(
  thread: string,
  { owner, ask, interrupt, offerPort, signal }: LineOptions,
): Promise<Port | undefined> {
  const line = crypto.randomUUID();
  // Held for as long as the line is used: the worker takes its end for the end of the user.
  const life = await takeWebLock(lifeLock(line), { signal });
  const channel = new BroadcastChannel(lineChannel(line));
  let way: BroadcastChannel | MessagePort = channel;
  const closed = new AbortController();
  const close = () => {
    closed.abort();
    channel.close();
    way.close();
    life.release();
  };
  try {
    const ready = await readiness(channel, thread, () => ask(line), signal);
    if (ready !== undefined) {
      way = (await offerPort(line)) ?? channel;
      signal.throwIfAborted();
      const ending = owner === undefined ? undefined : ends(owner, closed.signal);
      const opened = endpoint(way, thread, closed.signal, close);
      const interruptBy = ready.canInterrupt
        ? (connection: number, serial: number) => interrupt(line, connection, serial)
        : undefined;
      return new ThreadClient(opened, { interrupts: undefined, interruptBy, ending });
    }
  } catch (thrown) {
    close();
    throw thrown;
  }
  close();
  return undefined;
}

/** Waits for the thread to take the line; undefined when it has ended instead. */
function readiness(
  channel: BroadcastChannel,
  thread: string,
  ask: () => void,
  signal: AbortSignal,
): Promise<LineReady | undefined> {
  const done = new AbortController();
  const either = AbortSignal.any([signal, done.signal]);
  return new Promise<LineReady | undefined>((resolve, reject) => {
    channel.onmessage = ({ data }: MessageEvent<FromLine>) =>
      resolve(data.type === "ready" ? data : undefined);
    whenFree(lifeLock(thread), either).then(() => resolve(undefined), reject);
    ask();
  }).finally(() => done.abort());
}

/** Resolves when a member or a thread is gone; never once that is of no more interest. */
function ends(id: string, closed: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    whenFree(lifeLock(id), closed).then(resolve, () => {});
  });
}

function endpoint(
  way: BroadcastChannel | MessagePort,
  thread: string,
  closed: AbortSignal,
  close: () => void,
): Endpoint {
  return {
    post: (message) => way.postMessage(message),
    onMessage: (listener) => {
      way.onmessage = ({ data }) => listener(data);
    },
    onExit: (listener) => void ends(thread, closed).then(() => listener(undefined)),
    ref() {},
    unref() {},
    terminate: async () => close(),
  };
}
