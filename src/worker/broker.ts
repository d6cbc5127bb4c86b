// Entry of a shared worker: passes message ports from one tab to another. A page has no other way to a
// page that it did not open.

import type { ToBroker } from "../rpc/tab-protocol.ts";

interface SharedScope {
  addEventListener(type: "connect", listener: (event: MessageEvent) => void): void;
}

const members = new Map<string, MessagePort>();

(globalThis as unknown as SharedScope).addEventListener("connect", ({ ports: [port] }) => {
  if (port === undefined) return;
  port.onmessage = ({ data, ports }: MessageEvent<ToBroker>) => {
    if (data.type === "join") members.set(data.member, port);
    else if (data.type === "leave") members.delete(data.member);
    else members.get(data.owner)?.postMessage(data, [...ports]);
  };
});
