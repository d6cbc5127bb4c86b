// The form in which errors cross a thread.

import {
  type CrashDetails,
  PoolClosedError,
  SqliteError,
  StorageError,
  type StorageReason,
  WorkerCrashedError,
} from "../errors.ts";

/** An error as plain data, so that its class, code and stack survive `postMessage`. */
export interface WireError {
  readonly type: "sqlite" | "storage" | "closed" | "crashed" | "type" | "range" | "other";
  readonly message: string;
  readonly stack?: string | undefined;
  readonly code?: `SQLITE_${string}` | undefined;
  readonly resultCode?: number | undefined;
  readonly sql?: string | undefined;
  readonly offset?: number | undefined;
  readonly reason?: StorageReason | undefined;
  readonly details?: Omit<CrashDetails, "cause"> | undefined;
  readonly cause?: WireError | undefined;
}

/** Turns anything thrown into plain data. */
export function toWire(thrown: unknown): WireError {
  if (!(thrown instanceof Error)) return { type: "other", message: String(thrown) };
  const base = {
    message: thrown.message,
    stack: thrown.stack,
    cause: thrown.cause === undefined ? undefined : toWire(thrown.cause),
  };
  if (thrown instanceof SqliteError) {
    const { code, resultCode, sql, offset } = thrown;
    return { type: "sqlite", ...base, code, resultCode, sql, offset };
  }
  if (thrown instanceof StorageError) return { type: "storage", ...base, reason: thrown.reason };
  if (thrown instanceof PoolClosedError) return { type: "closed", ...base };
  if (thrown instanceof WorkerCrashedError) {
    const { mayHaveRun, retriable, connectionLost } = thrown;
    return { type: "crashed", ...base, details: { mayHaveRun, retriable, connectionLost } };
  }
  if (thrown instanceof TypeError) return { type: "type", ...base };
  if (thrown instanceof RangeError) return { type: "range", ...base };
  return { type: "other", ...base };
}

/** Rebuilds the error that {@link toWire} described, with the stack of the thread it came from. */
export function fromWire(wire: WireError): Error {
  const error = rebuild(wire);
  if (wire.stack !== undefined) error.stack = wire.stack;
  return error;
}

function rebuild(wire: WireError): Error {
  const options = wire.cause === undefined ? {} : { cause: fromWire(wire.cause) };
  switch (wire.type) {
    case "sqlite":
      return new SqliteError(wire.message, {
        ...options,
        code: wire.code ?? "SQLITE_ERROR",
        resultCode: wire.resultCode ?? 1,
        sql: wire.sql,
        offset: wire.offset,
      });
    case "storage":
      return new StorageError(wire.reason ?? "io", wire.message, options);
    case "closed":
      return new PoolClosedError(wire.message, options);
    case "crashed":
      return new WorkerCrashedError(wire.message, { ...options, ...wire.details });
    case "type":
      return new TypeError(wire.message, options);
    case "range":
      return new RangeError(wire.message, options);
    case "other":
      return new Error(wire.message, options);
    default:
      return wire.type satisfies never;
  }
}
