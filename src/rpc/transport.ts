// The way of requests to the thread that owns SQLite.

import { asError } from "../errors.ts";
import type { Endpoint, FromHost, NumberedRequest, ToHost } from "./endpoint.ts";

/** Sends requests in order. */
export interface Transport {
  send(request: NumberedRequest): void;
  /** Keeps the thread from staying away from its event loop. */
  mingle(): void;
  /** Asks the thread to close, after all requests sent before. */
  close(): void;
  /** The thread is gone: sends nothing any more. */
  stop(): void;
}

/** Whom a transport tells of what comes. */
export interface TransportListener {
  received(message: FromHost): void;
  /** The request could not be sent. */
  failed(serial: number, error: Error): void;
}

/** Sends everything by `postMessage`, the requests of one microtask in one message. */
export class MessageTransport implements Transport {
  readonly #endpoint: Endpoint;
  readonly #listener: TransportListener;
  #queue: NumberedRequest[] = [];
  #stopped = false;

  constructor(endpoint: Endpoint, listener: TransportListener) {
    this.#endpoint = endpoint;
    this.#listener = listener;
    endpoint.onMessage((message) => listener.received(message as FromHost));
  }

  send(request: NumberedRequest): void {
    this.#queue.push(request);
    if (this.#queue.length === 1) queueMicrotask(() => this.#flush());
  }

  /** Messages come by the event loop anyway. */
  mingle(): void {}

  close(): void {
    this.#flush();
    this.#endpoint.post({ type: "close" } satisfies ToHost, []);
  }

  stop(): void {
    this.#stopped = true;
    this.#queue = [];
  }

  #flush(): void {
    if (this.#stopped || this.#queue.length === 0) return;
    const requests = this.#queue;
    this.#queue = [];
    postRequests(this.#endpoint, requests, this.#listener);
  }
}

/** Posts `requests` and returns in how many messages: one that cannot be cloned fails alone. */
export function postRequests(
  endpoint: Endpoint,
  requests: readonly NumberedRequest[],
  listener: TransportListener,
): number {
  try {
    endpoint.post({ type: "requests", requests } satisfies ToHost, []);
    return 1;
  } catch (thrown) {
    if (requests.length > 1) {
      return requests.reduce((sum, one) => sum + postRequests(endpoint, [one], listener), 0);
    }
    for (const { serial } of requests) listener.failed(serial, asError(thrown));
    return 0;
  }
}
