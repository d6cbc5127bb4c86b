// A way for ports from one tab to another, through a shared worker; pages that have none, and workers, go on
// without: a line needs no port, it is faster with one.

import type { PortOffer, ToBroker } from "../../rpc/tab-protocol.ts";

/** An owner that is busy, or whose page has other scripts, does not pass the port on. */
const PATIENCE_MS = 100;

/** One member's connection to the shared worker. */
export class Broker {
  readonly #member: string;
  readonly #port: MessagePort | undefined;
  /** Owners that a port did not get to. */
  readonly #unreachable = new Set<string>();
  #isBroken = false;

  /** `onOffer` is called with each port that comes for a worker of this member. */
  constructor(member: string, onOffer: (offer: PortOffer, port: MessagePort) => void) {
    this.#member = member;
    const worker = startShared(() => {
      this.#isBroken = true;
    });
    this.#port = worker?.port;
    if (this.#port === undefined) return;
    this.#port.onmessage = ({ data, ports: [port] }: MessageEvent<PortOffer>) => {
      if (port !== undefined) onOffer(data, port);
    };
    this.#post({ type: "join", member });
  }

  /** A port to the worker for its line; undefined where none gets there soon. */
  async offer(offer: PortOffer): Promise<MessagePort | undefined> {
    if (this.#port === undefined || this.#isBroken || this.#unreachable.has(offer.owner)) {
      return undefined;
    }
    const { port1, port2 } = new MessageChannel();
    const arrived = new Promise<boolean>((resolve) => {
      setTimeout(() => resolve(false), PATIENCE_MS);
      port1.onmessage = () => resolve(true);
    });
    this.#post(offer, [port2]);
    if (await arrived) return port1;
    port1.close();
    this.#unreachable.add(offer.owner);
    return undefined;
  }

  close(): void {
    this.#post({ type: "leave", member: this.#member });
    this.#port?.close();
  }

  #post(message: ToBroker, ports: MessagePort[] = []): void {
    this.#port?.postMessage(message, ports);
  }
}

function startShared(onError: () => void): SharedWorker | undefined {
  if (typeof SharedWorker === "undefined") return undefined;
  try {
    // Bundlers look for exactly this expression to find the worker.
    const worker = new SharedWorker(new URL("../../worker/broker.js", import.meta.url), {
      type: "module",
      name: "sqlite-wasm-pool",
    });
    worker.onerror = (event) => {
      event.preventDefault();
      onError();
    };
    return worker;
  } catch {
    // Forbidden by the page's content security policy.
    return undefined;
  }
}
