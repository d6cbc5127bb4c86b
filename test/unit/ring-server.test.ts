// Whose turn it is in a thread that answers requests from a ring, driven frame by frame.

import { expect, test } from "vitest";
import type { FromHost, ToHost } from "../../src/rpc/endpoint.ts";
import { FrameEncoder } from "../../src/rpc/frame-encoder.ts";
import { FrameReader } from "../../src/rpc/frame-reader.ts";
import { REPLY } from "../../src/rpc/frames.ts";
import { IDLE } from "../../src/rpc/idle-reply.ts";
import type { Reply, Request } from "../../src/rpc/protocol.ts";
import { newRing, RingReader, RingWriter } from "../../src/rpc/ring.ts";
import { serveRings } from "../../src/rpc/ring-server.ts";

const ACCESS = { permit: true, readonly: false, timeoutMs: 0 } as const;

const run = (connection: number): Request => ({
  kind: "run",
  connection,
  ...ACCESS,
  sql: "SELECT 1",
  params: [],
  want: "changes",
});
const many = (connection: number): Request => ({
  kind: "many",
  connection,
  ...ACCESS,
  sql: "INSERT",
  paramsList: [],
});

/** A server whose thread has been told what to do in the middle of a `many`. */
function newServer(betweenEntries: () => void) {
  const rings = { requests: newRing(), replies: newRing() };
  const requests = new RingWriter(rings.requests);
  const replies = new RingReader(rings.replies);
  const encoder = new FrameEncoder();
  const handled: string[] = [];
  const posted: FromHost[] = [];
  let hear: (message: ToHost) => void = () => {};
  const host = {
    handle(request: Request, serial: number, meanwhile?: () => void): Reply {
      handled.push(`${serial} begins`);
      if (request.kind === "many") {
        betweenEntries();
        meanwhile?.();
      }
      handled.push(`${serial} ends`);
      return IDLE;
    },
    close: async () => {},
  };
  const endpoint = {
    post: (message: unknown) => void posted.push(message as FromHost),
    onMessage: (listener: (message: unknown) => void) => {
      hear = listener;
    },
  };
  serveRings(endpoint, host, rings);
  return {
    handled,
    /** Puts a request into the ring. */
    frame(serial: number, request: Request) {
      const frame = encoder.request(serial, request);
      if (frame === undefined || !requests.write(frame)) throw new Error("the ring is full");
    },
    /** Posts a request, and puts its marker into the ring. */
    message(serial: number, request: Request) {
      hear({ type: "requests", requests: [{ serial, request }] });
      requests.write(encoder.marker());
    },
    wake: () => hear({ type: "wake" }),
    /** What was answered, in order: the serials of frames, and a 0 for each message. */
    answered() {
      const reader = new FrameReader();
      const serials: number[] = [];
      while (replies.read(reader.frame) > 0) {
        serials.push(reader.type === REPLY ? reader.readReply().serial : 0);
      }
      return { serials, posted: posted.length };
    },
  };
}

test("others are answered between the entries of one request", () => {
  const server = newServer(() => {
    server.frame(2, run(2));
    server.frame(3, run(3));
  });
  server.message(1, many(1));
  server.wake();
  expect(server.handled).toEqual([
    "1 begins",
    "2 begins",
    "2 ends",
    "3 begins",
    "3 ends",
    "1 ends",
  ]);
  expect(server.answered().serials).toEqual([2, 3, 1]);
});

test("what the same connection has sent, and all that came after it, waits for the end", () => {
  const server = newServer(() => {
    server.frame(2, run(2));
    server.frame(3, run(1));
    server.frame(4, run(2));
  });
  server.message(1, many(1));
  server.wake();
  expect(server.answered().serials).toEqual([2, 1, 3, 4]);
});

test("a message that is due between the entries is taken after them", () => {
  const server = newServer(() => {
    if (server.handled.length > 1) return;
    server.message(2, many(2));
    server.frame(3, run(3));
  });
  server.message(1, many(1));
  server.wake();
  expect(server.handled).toEqual([
    "1 begins",
    "1 ends",
    "2 begins",
    "3 begins",
    "3 ends",
    "2 ends",
  ]);
});
