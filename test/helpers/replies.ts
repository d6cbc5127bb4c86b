import type { Reply } from "../../src/rpc/protocol.ts";

/** A reply of a connection that is as a new one. */
export const IDLE: Reply = {
  txn: 0,
  autocommit: true,
  tainted: false,
  needsPermit: false,
  rows: 0,
  result: undefined,
  error: undefined,
};
