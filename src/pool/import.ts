// What replaces the content of a database: it is written to a file of its own first, piece by piece, then
// checked and put in place by one request. Only that request takes the write lock.

import { ConnectionReleasedError, StorageError } from "../errors.ts";
import type { Reply } from "../rpc/protocol.ts";
import { DATABASE_MAGIC } from "../types.ts";
import { onAbort } from "./abort.ts";
import type { Connection } from "./connection.ts";
import { orAborted } from "./deadline.ts";
import type { Link } from "./link.ts";
import { askFile, SPOOL_BYTES } from "./whole.ts";

/** Bytes of the file header, https://sqlite.org/fileformat2.html#the_database_header */
const HEADER_BYTES = 100;

/** What `import` takes: the bytes of a database file. */
export type ImportSource = Uint8Array | ArrayBuffer | ReadableStream<Uint8Array>;

/** A database on its way in. */
export interface Chunks {
  /** The next piece; undefined at the end, after which nothing is read. */
  read(): Promise<Uint8Array | undefined>;
  /** No more is wanted, for this reason. */
  cancel(reason: unknown): void;
}

/** @throws TypeError for what is no source, or a stream that somebody else reads */
export function chunksOf(source: ImportSource): Chunks {
  return source instanceof ReadableStream ? streamed(source) : sliced(source);
}

/**
 * Replaces the database by what `chunks` hold, after checking it, on a connection that is borrowed for it.
 * An abort, the end of the lease and that of the thread do not wait for the next piece.
 */
export async function importDatabase(
  db: Connection,
  chunks: Chunks,
  path: string,
  signal: AbortSignal | undefined,
): Promise<void> {
  const { link } = db;
  // A connection that is taken back meanwhile is not clean: its reset deletes the file.
  link.open.add(chunks);
  try {
    await askFile(link, { operation: "create", path });
    try {
      await stoppable(db, signal, (stop) => spool(chunks, link, path, stop));
      await link.send({
        request: () => ({ kind: "import", connection: link.id, source: path }),
        sql: "(import)",
        writes: true,
        signal,
      });
    } finally {
      // What became of the import is more than why its file stays, which goes when its database is next opened.
      if (!db.isReleased) await askFile(link, { operation: "delete", path }).catch(() => {});
    }
  } finally {
    link.open.delete(chunks);
  }
}

async function spool(chunks: Chunks, link: Link, path: string, stop: AbortSignal): Promise<void> {
  let size = 0;
  for (;;) {
    const chunk = await orAborted(chunks.read(), stop);
    if (chunk === undefined) break;
    // The connection may have been taken back since, and the file have gone with it.
    stop.throwIfAborted();
    if (chunk.length === 0) continue;
    if (size === 0) checkHeader(chunk);
    // A copy of its own, because it may be handed over to the thread.
    await append(link, path, chunk.slice());
    size += chunk.length;
  }
  if (size < HEADER_BYTES) throw notADatabase(`it has only ${size} bytes`);
}

function append(link: Link, path: string, bytes: Uint8Array): Promise<Reply> {
  return askFile(link, { operation: "append", path, bytes });
}

/** Runs `body`, whose signal is aborted as soon as it is not to go on. */
async function stoppable<T>(
  db: Connection,
  signal: AbortSignal | undefined,
  body: (stop: AbortSignal) => Promise<T>,
): Promise<T> {
  const { link } = db;
  const stopping = new AbortController();
  const abort = () => stopping.abort(signal?.reason);
  if (signal?.aborted) abort();
  const unhook = signal && onAbort(signal, abort);
  const end = () =>
    stopping.abort(new ConnectionReleasedError(`connection ${db.id} was taken back`));
  if (db.isReleased) end();
  db.onEnd = end;
  if (link.broken !== undefined) stopping.abort(link.broken);
  link.onAbandoned = (error) => stopping.abort(error);
  try {
    return await body(stopping.signal);
  } finally {
    unhook?.();
    db.onEnd = undefined;
    link.onAbandoned = undefined;
  }
}

function checkHeader(chunk: Uint8Array): void {
  const start = String.fromCharCode(...chunk.subarray(0, DATABASE_MAGIC.length));
  if (!DATABASE_MAGIC.startsWith(start) || start === "")
    throw notADatabase("its header is another one");
}

function notADatabase(why: string): StorageError {
  return new StorageError("corrupt", `what was to be imported is no SQLite database: ${why}`);
}

function streamed(stream: ReadableStream<Uint8Array>): Chunks {
  const reader = stream.getReader();
  return {
    async read() {
      const { done, value } = await reader.read();
      if (done) reader.releaseLock();
      else if (!(value instanceof Uint8Array)) {
        throw new TypeError("the stream must yield Uint8Arrays");
      }
      return value;
    },
    cancel(reason) {
      // Whoever makes the stream may take their time over it. At its end it is not ours any more.
      reader.cancel(reason).catch(() => {});
      reader.releaseLock();
    },
  };
}

function sliced(source: Uint8Array | ArrayBuffer): Chunks {
  const bytes = source instanceof ArrayBuffer ? new Uint8Array(source) : source;
  if (!(bytes instanceof Uint8Array)) {
    throw new TypeError("import takes a Uint8Array, an ArrayBuffer or a ReadableStream of bytes");
  }
  let at = 0;
  return {
    async read() {
      if (at >= bytes.length) return undefined;
      const from = at;
      at += SPOOL_BYTES;
      return bytes.subarray(from, at);
    },
    cancel() {},
  };
}
