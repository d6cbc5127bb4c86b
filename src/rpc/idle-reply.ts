// Replies that are about no open connection.

import type { Reply } from "./protocol.ts";

/** The state of a connection that is as a new one, and no result. */
export const IDLE: Reply = Object.freeze({
  txn: 0,
  autocommit: true,
  tainted: false,
  needsPermit: false,
  rows: 0,
  result: undefined,
  error: undefined,
});

/** The answer to a request that was not run, or whose connection is gone. */
export function failed(error: Error): Reply {
  return { ...IDLE, error };
}
