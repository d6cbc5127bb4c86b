// The thread that opening a database took, to see what can be opened there: the pool's first connection goes
// there, and further threads are started when they are needed.

import type { Port, PortFactory } from "../rpc/port.ts";

/** The ports of one backend. */
export class FirstPort {
  #port: Port | undefined;
  readonly #startNext: PortFactory;

  constructor(port: Port, startNext: PortFactory) {
    this.#port = port;
    this.#startNext = startNext;
  }

  /** The first port, to the first who asks; then a new one each time. */
  async next(): Promise<Port> {
    const port = this.#port;
    this.#port = undefined;
    return port ?? this.#startNext();
  }

  /** Ends the first thread where nobody has asked for it. */
  async closeUnused(): Promise<void> {
    await this.#port?.close();
  }
}
