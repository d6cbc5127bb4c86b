// Operations on the whole database, each on one borrowed connection.

import { clock, nextTask } from "../clock.ts";
import type { BackupResult, FileRequest, Reply, Request } from "../rpc/protocol.ts";
import { type Bytes, type CheckpointMode, MEMORY_PATH } from "../types.ts";
import { withCallSite } from "./call-site.ts";
import type { Connection } from "./connection.ts";
import { emptyDatabase } from "./empty-database.ts";
import type { Link } from "./link.ts";

/** Bytes of a file that are sent at a time. */
export const SPOOL_BYTES = 1 << 20;
const DEFAULT_BACKUP_PAGES = 256;

/** How far a backup has come. */
export interface BackupProgress {
  /** Pages that are still to be copied; 0 at the end. */
  readonly remainingPages: number;
  /** Pages of the database. */
  readonly totalPages: number;
}

/** Options of `backup`. */
export interface BackupOptions {
  /** Called after each step. What it throws ends the backup, which rejects with it. */
  readonly onProgress?: ((progress: BackupProgress) => void) | undefined;
  /** Ends the backup, which then rejects with the signal's reason; the destination stays as it was. */
  readonly signal?: AbortSignal | undefined;
  /** Pages copied in a step; an integer of at least 1. Default 256. With `threads: 0`, timers and events come between. */
  readonly pages?: number | undefined;
}

/** What a checkpoint did, see https://sqlite.org/pragma.html#pragma_wal_checkpoint */
export interface CheckpointResult {
  /** A lock kept it from completing. */
  readonly busy: boolean;
  /** Frames in the log; -1 outside WAL mode. */
  readonly log: number;
  /** Frames of the log that are in the database; -1 outside WAL mode. */
  readonly checkpointed: number;
}

/** What a build of SQLite with a table of its pages says it has, https://sqlite.org/dbpage.html */
const PAGE_TABLE = "ENABLE_DBPAGE_VTAB";

const CHECKPOINT_MODES: readonly string[] = ["passive", "full", "restart", "truncate"];

/** @throws TypeError for a mode SQLite does not have */
export function checkCheckpointMode(mode: CheckpointMode): void {
  if (CHECKPOINT_MODES.includes(mode)) return;
  throw new TypeError(`mode must be one of ${CHECKPOINT_MODES.join(", ")}, not ${String(mode)}`);
}

/** How long to wait for readers that are in the way of a checkpoint, and how to. */
export interface ReaderWait {
  readonly timeoutMs: number;
  lockReleased(ms: number): Promise<void>;
}

/** Longest wait between two tries at a checkpoint that readers are in the way of. */
const CHECKPOINT_POLL_MS = 10;

/**
 * Moves frames of the log into the database. All modes but `"passive"` wait for readers that are in the
 * way, as SQLite does with a busy handler.
 */
export async function checkpoint(
  db: Connection,
  mode: CheckpointMode,
  wait: ReaderWait,
): Promise<CheckpointResult> {
  const deadline = clock.now() + wait.timeoutMs;
  for (;;) {
    const result = await tryCheckpoint(db, mode);
    const leftMs = deadline - clock.now();
    if (!result.busy || mode === "passive" || leftMs <= 0) return result;
    await wait.lockReleased(Math.min(leftMs, CHECKPOINT_POLL_MS));
  }
}

async function tryCheckpoint(db: Connection, mode: CheckpointMode): Promise<CheckpointResult> {
  // Integers come as the pool's option `integers` has them: as bigints, too.
  const row = await db.queryFirst<(number | bigint)[]>(`PRAGMA wal_checkpoint(${mode})`, [], {
    rowMode: "array",
  });
  const [busy = 0, log = -1, checkpointed = -1] = (row ?? []).map(Number);
  return { busy: busy !== 0, log, checkpointed };
}

/** The bytes of the database as of the snapshot that `db` reads from. */
export async function exportBytes(
  db: Connection,
  temporaryPath: () => string,
  signal?: AbortSignal,
): Promise<Bytes> {
  const pageSize = await numberOf(db, "page_size");
  const bytes = new Uint8Array(pageSize * Math.max(1, await numberOf(db, "page_count")));
  let at = 0;
  for await (const chunk of exportChunks(db, temporaryPath, signal)) {
    bytes.set(chunk, at);
    at += chunk.length;
  }
  return bytes;
}

/** The same bytes, about a megabyte at a time. */
export async function* exportChunks(
  db: Connection,
  temporaryPath: () => string,
  signal?: AbortSignal,
): AsyncGenerator<Bytes, void, undefined> {
  if ((await numberOf(db, "page_count")) === 0) {
    const pageSize = await numberOf(db, "page_size");
    yield emptyDatabase({ pageSize, autoVacuum: await numberOf(db, "auto_vacuum") });
    return;
  }
  const hasPageTable = await db.queryValue(`SELECT sqlite_compileoption_used('${PAGE_TABLE}')`);
  const chunks = hasPageTable
    ? pagesOfTable(db, signal)
    : pagesOfCopy(db.link, temporaryPath(), signal);
  let isFirst = true;
  for await (const chunk of chunks) {
    // The copy has no log beside it: versions 1 say so, and it opens anywhere, read-only media too.
    if (isFirst) chunk.fill(1, 18, 20);
    isFirst = false;
    yield chunk;
  }
}

async function numberOf(db: Connection, pragma: string): Promise<number> {
  return Number(await db.queryValue(`PRAGMA ${pragma}`));
}

async function* pagesOfTable(
  db: Connection,
  signal: AbortSignal | undefined,
): AsyncGenerator<Bytes, void, undefined> {
  const pageSize = await numberOf(db, "page_size");
  const pages = Math.max(1, Math.floor(SPOOL_BYTES / pageSize));
  const options = { rowMode: "array", chunkSize: pages, signal } as const;
  let chunk = new Uint8Array(pages * pageSize);
  let filled = 0;
  for await (const [page] of db.iterate<[Uint8Array]>(
    "SELECT data FROM sqlite_dbpage ORDER BY pgno",
    [],
    options,
  )) {
    chunk.set(page, filled);
    filled += page.length;
    if (filled < chunk.length) continue;
    yield chunk;
    chunk = new Uint8Array(pages * pageSize);
    filled = 0;
  }
  if (filled > 0) yield chunk.subarray(0, filled);
}

/** By way of a copy at `path`, for engines without the table of pages. */
async function* pagesOfCopy(
  link: Link,
  path: string,
  signal: AbortSignal | undefined,
): AsyncGenerator<Bytes, void, undefined> {
  try {
    await backup(link, path, { signal });
    for (let offset = 0; ; ) {
      signal?.throwIfAborted();
      const reply = await askFile(link, { operation: "read", path, offset, length: SPOOL_BYTES });
      const chunk = reply.result as Bytes;
      if (chunk.length === 0) return;
      yield chunk;
      offset += chunk.length;
    }
  } finally {
    if (link.broken === undefined) await askFile(link, { operation: "delete", path });
  }
}

/** @throws TypeError for what is no path of a file */
export function checkDestination(path: unknown): void {
  if (typeof path !== "string" || path === "" || path.includes("\0")) {
    throw new TypeError("the destination of a backup is a path, not empty and without NUL");
  }
  // Nobody could ever open the copy.
  if (path.startsWith(MEMORY_PATH)) {
    throw new TypeError("the destination of a backup is a file; export() gives a copy in memory");
  }
}

/** Copies the database into another file, page by page, from one snapshot. */
export async function backup(
  link: Link,
  destination: string,
  options: BackupOptions | undefined,
): Promise<void> {
  const pages = options?.pages ?? DEFAULT_BACKUP_PAGES;
  const step = (kind: "start" | "continue" | "cancel"): Promise<Reply> =>
    ask(link, { kind: "backup", connection: link.id, destination, step: kind, pages });
  let done = false;
  try {
    for (let kind: "start" | "continue" = "start"; !done; kind = "continue") {
      options?.signal?.throwIfAborted();
      const result = (await step(kind)).result as BackupResult;
      done = result.done;
      const { remainingPages, totalPages } = result;
      options?.onProgress?.({ remainingPages, totalPages });
      // Where the copying is done in this thread, all else that it has to do comes between.
      if (!done && !link.port.parallel) await nextTask();
    }
  } finally {
    if (!done && link.broken === undefined) await step("cancel");
  }
}

export function askFile(
  link: Link,
  request: Omit<FileRequest, "kind" | "connection">,
): Promise<Reply> {
  return ask(link, { kind: "file", connection: link.id, ...request });
}

async function ask(link: Link, request: Request): Promise<Reply> {
  const job = { request: () => request, sql: undefined, writes: false, elsewhere: true };
  return withCallSite(link.send(job));
}
