// The end of the protocol in the thread that owns SQLite.

import { toWire } from "../errors.ts";
import { keepRow, transferables } from "./codec.ts";
import type { FromHost, HostEndpoint, NumberedReply, NumberedRequest, ToHost } from "./endpoint.ts";
import { packedRowsOf } from "./packed-reply.ts";
import type { Reply, Request } from "./protocol.ts";

/** What runs the requests. */
export interface RequestHandler {
  /** Runs a request to its end. `serial` is what an interrupt names it by. */
  handle(request: Request, serial: number): Reply;
  /** Closes every connection. */
  close(): void;
}

/** Replies that are ready are not held back behind requests that take longer than this. */
const MOST_HELD_MS = 1;

/** Answers the requests that come through `endpoint`, until it is told to close. */
export function serve(endpoint: HostEndpoint, host: RequestHandler): void {
  endpoint.onMessage((message) => {
    const received = message as ToHost;
    if (received.type === "requests") answerAll(endpoint, host, received.requests);
    else if (received.type === "close") endpoint.post(answerClose(host), []);
  });
}

function answerAll(
  endpoint: HostEndpoint,
  host: RequestHandler,
  requests: readonly NumberedRequest[],
): void {
  let replies: NumberedReply[] = [];
  let transfer: ArrayBuffer[] = [];
  let heldSince = performance.now();
  for (const { request, serial } of requests) {
    const reply = answer(host, request, serial);
    replies.push(reply);
    for (const packed of packedRowsOf(request, reply.result)) {
      keepRow(packed);
      for (const buffer of transferables(packed)) transfer.push(buffer);
    }
    const now = performance.now();
    if (now - heldSince < MOST_HELD_MS) continue;
    endpoint.post({ type: "replies", replies } satisfies FromHost, transfer);
    replies = [];
    transfer = [];
    heldSince = now;
  }
  if (replies.length > 0) endpoint.post({ type: "replies", replies } satisfies FromHost, transfer);
}

/** Runs a request; whatever is thrown becomes the error of its reply. */
export function answer(host: RequestHandler, request: Request, serial: number): NumberedReply {
  try {
    const { txn, autocommit, tainted, needsPermit, rows, result, error } = host.handle(
      request,
      serial,
    );
    const wire = error === undefined ? undefined : toWire(error);
    return { serial, txn, autocommit, tainted, needsPermit, rows, result, error: wire };
  } catch (thrown) {
    // The state of the connection is unknown: it is reset before it is lent again.
    return {
      serial,
      txn: 0,
      autocommit: true,
      tainted: true,
      needsPermit: false,
      rows: 0,
      result: undefined,
      error: toWire(thrown),
    };
  }
}

/** Closes the host and says how that went. */
export function answerClose(host: RequestHandler): FromHost {
  try {
    host.close();
    return { type: "closed", error: undefined };
  } catch (thrown) {
    return { type: "closed", error: toWire(thrown) };
  }
}
