// executeMany with many entries, piece by piece in one transaction. A thread that is asked by messages runs
// one request at a time: between two pieces it serves the other connections it has, so that readers in the
// writer's thread wait for a piece, and not for the whole. And a piece is soon copied, at either end.

import { clock } from "../clock.ts";
import { interruptedError } from "../errors.ts";
import type { ChangesResult, Reply, Request, RunTimes, WireParams } from "../rpc/protocol.ts";
import { savepoint, transaction } from "../rpc/transaction-sql.ts";
import type { Job, Link, OpenTransaction } from "./link.ts";

/** So many entries or fewer go in one request. A piece has at least as many. */
export const LEAST_ENTRIES = 250;
/** How long a piece is to take: long enough for its round trip to be little, and short for whoever waits. */
const SHORT_MS = 1;
const LONG_MS = 2.5;

const TRANSACTION = transaction("IMMEDIATE");
const SAVEPOINT = savepoint("_pool_many");

/** What is to be run, and how it is asked for. */
export interface Many {
  readonly sql: string;
  readonly lists: readonly WireParams[];
  readonly signal: AbortSignal | undefined;
  /** The transaction it is a part of. */
  readonly within: OpenTransaction | null;
  /** Longest time for all of it, in milliseconds; undefined: no limit. */
  readonly timeoutMs: number | undefined;
  /** A request that runs the statement once per entry of `lists`. */
  runAll(lists: readonly WireParams[], permit: boolean, timeoutMs: number | undefined): Request;
  /** A request that runs another statement, which takes no parameters. */
  runOne(sql: string, permit: boolean): Request;
}

/**
 * Runs all of it, or nothing, and replies as if it had been one request. What is sent to the connection
 * meanwhile comes after it.
 */
export function runMany(link: Link, many: Many): Promise<Reply> {
  const { sql, signal, within } = many;
  return link.exclusively(async (perform) => {
    const { interrupts } = link;
    // Between two pieces no statement runs that could be stopped.
    const checkInterrupts = () => {
      signal?.throwIfAborted();
      if (link.interrupts !== interrupts) throw interruptedError(sql);
    };
    const { begin, keep, undo } = link.inTransaction ? SAVEPOINT : TRANSACTION;
    const one = (statement: string): Job => ({
      request: (permit) => many.runOne(statement, permit),
      sql,
      writes: true,
    });
    await perform({ ...one(begin), signal, within });
    try {
      const pieces = await runPieces(many, async (job) => {
        checkInterrupts();
        return perform(job);
      });
      checkInterrupts();
      await perform({ ...one(keep), within });
      return pieces;
    } catch (thrown) {
      // The error that led here is the one to report. Where SQLite has rolled back, nothing is left to undo,
      // and what cannot be undone is by the release.
      for (const statement of undo) {
        if (link.inTransaction) await perform(one(statement)).catch(() => {});
      }
      throw thrown;
    }
  }, signal);
}

async function runPieces(many: Many, perform: (job: Job) => Promise<Reply>): Promise<Reply> {
  const { sql, lists, signal, within, timeoutMs } = many;
  const started = clock.now();
  const left = () => (timeoutMs === undefined ? undefined : started + timeoutMs - clock.now());
  let changes = 0;
  let times: RunTimes | undefined;
  let entries = LEAST_ENTRIES;
  for (let from = 0; ; ) {
    const piece = lists.slice(from, from + entries);
    const request = (permit: boolean) => many.runAll(piece, permit, left());
    const sentAt = clock.now();
    const reply = await perform({ request, sql, writes: true, signal, within });
    const tookMs = clock.now() - sentAt;
    changes += (reply.result as ChangesResult).changes;
    times = together(times, reply.times);
    from += piece.length;
    if (from >= lists.length) {
      return { ...reply, result: { ...(reply.result as ChangesResult), changes }, times };
    }
    // Others that are served in between make it longer: then it is time for smaller ones.
    if (tookMs < SHORT_MS) entries *= 2;
    else if (tookMs > LONG_MS) entries = Math.max(LEAST_ENTRIES, Math.round(entries / 2));
  }
}

function together(before: RunTimes | undefined, next: RunTimes | undefined): RunTimes | undefined {
  if (before === undefined || next === undefined) return before ?? next;
  return { startedAt: before.startedAt, ranMs: before.ranMs + next.ranMs };
}
