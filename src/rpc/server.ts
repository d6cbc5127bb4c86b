// The end of the protocol in the thread that owns SQLite.

import { clock } from "../clock.ts";
import { keepRow, transferables } from "./codec.ts";
import type { FromHost, HostEndpoint, NumberedReply, NumberedRequest, ToHost } from "./endpoint.ts";
import { IDLE } from "./idle-reply.ts";
import { packedRowsOf } from "./packed-reply.ts";
import type { Reply, Request } from "./protocol.ts";
import type { SpareBuffers } from "./spare-buffers.ts";
import { toWire } from "./wire-error.ts";

/** What runs the requests. */
export interface RequestHandler {
  /**
   * Runs a request to its end. `serial` is what an interrupt names it by. Where that takes time, those
   * that come meanwhile are answered after it. A request that is made of many parts calls `meanwhile`
   * between them: requests of other connections may be handled in it.
   */
  handle(request: Request, serial: number, meanwhile?: () => void): Reply | Promise<Reply>;
  /** Closes every connection. */
  close(): Promise<void>;
}

/** Replies that are ready are not held back behind requests that take longer than this. */
const MOST_HELD_MS = 1;

/** Answers the requests that come through `endpoint`, until it is told to close. */
export function serve(endpoint: HostEndpoint, host: RequestHandler, spares?: SpareBuffers): void {
  endpoint.onMessage((message) => {
    const received = message as ToHost;
    if (received.type === "requests") answerAll(endpoint, host, received.requests);
    else if (received.type === "spare") spares?.add(received.buffer);
    else if (received.type === "close") {
      void answerClose(host).then((closed) => endpoint.post(closed, []));
    }
  });
}

function answerAll(
  endpoint: HostEndpoint,
  host: RequestHandler,
  requests: readonly NumberedRequest[],
): void {
  let replies: NumberedReply[] = [];
  let transfer: ArrayBuffer[] = [];
  let heldSince = clock.now();
  const flush = () => {
    if (replies.length === 0) return;
    endpoint.post({ type: "replies", replies } satisfies FromHost, transfer);
    replies = [];
    transfer = [];
  };
  const hold = (request: Request, reply: NumberedReply) => {
    replies.push(reply);
    for (const buffer of buffersOf(request, reply)) transfer.push(buffer);
  };
  for (const { request, serial } of requests) {
    const reply = answer(host, request, serial);
    if (reply instanceof Promise) {
      flush();
      void reply.then((late) => {
        hold(request, late);
        flush();
      });
      continue;
    }
    hold(request, reply);
    const now = clock.now();
    if (now - heldSince < MOST_HELD_MS) continue;
    flush();
    heldSince = now;
  }
  flush();
}

/** What of a reply is handed over rather than copied. */
export function buffersOf(request: Request, reply: NumberedReply): ArrayBuffer[] {
  const packed = packedRowsOf(request, reply.result);
  packed.forEach(keepRow);
  return packed.flatMap(transferables);
}

/** Runs a request; whatever is thrown becomes the error of its reply. */
export function answer(
  host: RequestHandler,
  request: Request,
  serial: number,
  meanwhile?: () => void,
): NumberedReply | Promise<NumberedReply> {
  try {
    const reply = host.handle(request, serial, meanwhile);
    if (!(reply instanceof Promise)) return numbered(serial, reply);
    return reply.then(
      (late) => numbered(serial, late),
      (thrown) => lost(serial, thrown),
    );
  } catch (thrown) {
    return lost(serial, thrown);
  }
}

function numbered(serial: number, reply: Reply): NumberedReply {
  const { txn, autocommit, tainted, needsPermit, rows, changed, result, error, times } = reply;
  const wire = error === undefined ? undefined : toWire(error);
  return {
    serial,
    txn,
    autocommit,
    tainted,
    needsPermit,
    rows,
    changed,
    result,
    error: wire,
    times,
  };
}

/** The state of the connection is unknown: it is reset before it is lent again. */
function lost(serial: number, thrown: unknown): NumberedReply {
  return {
    ...IDLE,
    serial,
    tainted: true,
    error: toWire(thrown),
  };
}

/** Closes the host and says how that went. */
export async function answerClose(host: RequestHandler): Promise<FromHost> {
  try {
    await host.close();
    return { type: "closed", error: undefined };
  } catch (thrown) {
    return { type: "closed", error: toWire(thrown) };
  }
}
