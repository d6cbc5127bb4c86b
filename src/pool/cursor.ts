// A result consumed row by row while SQLite produces the next chunk.

import type { CursorResult, Reply } from "../rpc/protocol.ts";
import type { Link } from "./link.ts";
import { checkIterateOptions, type QueryOptions } from "./options.ts";

/** Rows of a chunk where the caller does not say. */
const DEFAULT_CHUNK_ROWS = 1_000;

/** Options of `iterate`. */
export interface IterateOptions extends QueryOptions {
  /** Rows fetched at a time; an integer of at least 1. Default 1,000. */
  readonly chunkSize?: number | undefined;
}

/** A cursor in the thread that has SQLite, chunk by chunk. */
export interface RemoteCursor {
  open(chunkRows: number): Promise<Reply>;
  fetch(chunkRows: number): Promise<Reply>;
  close(): Promise<void>;
}

/** The rows of a cursor; one chunk is fetched ahead of the one being consumed. */
export async function* cursorRows<T>(
  link: Link,
  cursor: RemoteCursor,
  options: IterateOptions | undefined,
): AsyncGenerator<T, void, undefined> {
  if (options !== undefined) checkIterateOptions(options);
  const size = options?.chunkSize ?? DEFAULT_CHUNK_ROWS;
  let done = false;
  link.open.add(cursor);
  try {
    let chunk = (await cursor.open(size)).result as CursorResult;
    for (;;) {
      done = chunk.done;
      const next = done ? undefined : cursor.fetch(size);
      // Awaited below. Without this, a failure before that would be reported as unhandled.
      next?.catch(() => {});
      for (const row of chunk.rows) {
        options?.signal?.throwIfAborted();
        yield row as T;
      }
      if (next === undefined) return;
      chunk = (await next).result as CursorResult;
    }
  } catch (thrown) {
    // A fetch that SQLite failed has closed the cursor, one that was never run has not. The caller
    // is told of that failure, and not of one to close it.
    if (!done) await cursor.close().catch(() => {});
    done = true;
    throw thrown;
  } finally {
    link.open.delete(cursor);
    if (!done) await cursor.close();
  }
}
