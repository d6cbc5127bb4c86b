import { expect, test } from "vitest";
import type { FromHost, NumberedReply } from "../../src/rpc/endpoint.ts";
import { FrameEncoder } from "../../src/rpc/frame-encoder.ts";
import { FrameReader } from "../../src/rpc/frame-reader.ts";
import type { Request, RunRequest } from "../../src/rpc/protocol.ts";
import { newRing, RingReader, RingWriter } from "../../src/rpc/ring.ts";
import { RingTransport } from "../../src/rpc/ring-transport.ts";

const RUN: RunRequest = {
  kind: "run",
  connection: 1,
  permit: false,
  readonly: false,
  timeoutMs: 0,
  sql: "SELECT 1",
  params: [],
  want: "changes",
};

function reply(serial: number): NumberedReply {
  const state = { txn: 0, autocommit: true, tainted: false, needsPermit: false, rows: 0 } as const;
  return { serial, ...state, result: { changes: serial, lastInsertRowid: 0 }, error: undefined };
}

/** A link, what it posted and received, and the host's ends of its rings. */
function newLink() {
  const rings = { requests: newRing(), replies: newRing() };
  const posted: unknown[] = [];
  const received: number[] = [];
  let deliver: (message: unknown) => void = () => {};
  const link = new RingTransport(
    {
      post: (message) => void posted.push(message),
      onMessage: (listener) => {
        deliver = listener;
      },
      onExit: () => {},
      ref: () => {},
      unref: () => {},
      terminate: async () => {},
    },
    { ...rings, cores: 2 },
    {
      received: (message: FromHost) => {
        if (message.type === "replies")
          received.push(...message.replies.map(({ serial }) => serial));
      },
      failed: () => {},
    },
  );
  const replies = new RingWriter(rings.replies);
  const encoder = new FrameEncoder();
  return {
    link,
    posted,
    received,
    requests: new RingReader(rings.requests),
    deliver: (message: FromHost) => deliver(message),
    marker: () => replies.write(encoder.marker()),
    frame: (serial: number) => {
      const frame = encoder.reply(RUN as Request, reply(serial));
      if (frame !== undefined) replies.write(frame);
      replies.wake();
    },
  };
}

const turn = () => new Promise((resolve) => setImmediate(resolve));

test("frames behind a marker wait for its message, and the event loop goes on", async () => {
  const { link, received, deliver, marker, frame } = newLink();
  for (const serial of [1, 2, 3]) link.send({ serial, request: RUN });
  frame(1);
  marker();
  frame(3);
  await turn();
  await turn();
  expect(received).toEqual([1]);
  deliver({ type: "replies", replies: [reply(2)] });
  await turn();
  expect(received).toEqual([1, 2, 3]);
});

test("a message that comes before its marker is read waits for it", async () => {
  const { link, received, deliver, marker, frame } = newLink();
  for (const serial of [1, 2]) link.send({ serial, request: RUN });
  deliver({ type: "replies", replies: [reply(2)] });
  await turn();
  expect(received).toEqual([]);
  frame(1);
  marker();
  frame(0);
  await turn();
  expect(received.slice(0, 2)).toEqual([1, 2]);
});

test("requests keep their order when the ring is full, and none is lost", async () => {
  const { link, requests, received, frame } = newLink();
  const count = 5_000;
  for (let serial = 1; serial <= count; serial++) {
    link.send({ serial, request: { ...RUN, params: ["x".repeat(200)] } });
  }
  const words = new Int32Array(1 << 12);
  const seen: number[] = [];
  while (seen.length < count) {
    while (requests.read(words) > 0) seen.push(words[2] ?? 0);
    // A reply makes the link look at the room there is now.
    frame(seen.at(-1) ?? 0);
    await turn();
  }
  expect(seen).toEqual(Array.from({ length: count }, (_, i) => i + 1));
  expect(received.length).toBeGreaterThan(0);
});

test("frames carry the tables that a commit changed, by name once and by number then", () => {
  const encoder = new FrameEncoder();
  const reader = new FrameReader();
  const sizes: number[] = [];
  const lists = [["t"], ["t", "ü ".repeat(50)], ["t"], [], undefined];
  for (const changed of [...lists, ...lists]) {
    const frame = encoder.reply(RUN, { ...reply(1), changed });
    if (frame === undefined) throw new Error("a reply that small fits in a frame");
    reader.frame.set(frame.subarray(0, (frame[0] ?? 0) / 4));
    expect(reader.readReply()).toEqual({ ...reply(1), changed });
    sizes.push(frame[0] ?? 0);
  }
  expect(sizes[2]).toBeLessThan(sizes[0] ?? 0);
  expect(encoder.reply(RUN, { ...reply(1), changed: "any" })).toBeUndefined();
});

test("a list of tables that did not fit is defined by the next frame that has it", () => {
  const encoder = new FrameEncoder();
  const reader = new FrameReader();
  const changed = ["t"];
  const large = { changes: "x".repeat(1 << 20), lastInsertRowid: 0 };
  expect(encoder.reply(RUN, { ...reply(1), changed, result: large })).toBeUndefined();
  const frame = encoder.reply(RUN, { ...reply(2), changed });
  reader.frame.set(frame?.subarray(0, (frame[0] ?? 0) / 4) ?? []);
  expect(reader.readReply().changed).toEqual(changed);
});
