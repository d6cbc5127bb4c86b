// What the threads of one origin that have one database open say to each other, and the locks by which
// they know who may do what and who is still there. "Thread" is a page or a worker; a page and its own
// workers are as separate as two tabs.
//
// Locks (Web Locks; all of them end with the thread that holds them)
//   owner    exclusive, held by the one member that may start workers with the database's files.
//            Every other member queues for it: whoever is granted it is the next owner.
//   files    shared by each worker that has the files open, from before it opens them until it ends. A new
//            owner takes it exclusively once, before it starts its first worker.
//   write    exclusive, held by the member whose connection is in a write transaction. Its queue is the
//            fair order of writers among members; `pool/write-queue.ts` keeps the order within one.
//   life     one per member, per worker and per line: whoever depends on it waits for its end.
// Order: owner before files; write is asked for only by one who holds neither in doing so.
//
// Invariant: all workers that have the files open belong to one member, and so share one lock table and
// one wal-index. A new owner cannot have `files` while a worker of an earlier one lives, whatever became
// of that one's page; a worker whose page is gone ends with it.
//
// What an end leaves behind
//   of a client    its lines' life locks are free: what runs for them is stopped, and the worker rolls back
//                  and closes their connections. Its write lock is free.
//   of a worker    its life lock is free: each member that had a line to it connects anew.
//   of the owner   all of its locks are free and its workers gone: the next in the queue becomes the
//                  owner, and SQLite recovers the database from its log, as after a crash of a process.
//
// Messages go over one BroadcastChannel per database, those of a line over a channel of its own; so
// they reach a worker without the page that started it, which may be busy or frozen. Where the two pages
// find the same shared worker, it passes a MessagePort on, and the line goes through that instead,
// which is faster.

import type { WriteLockHolder } from "../errors.ts";
import type { Tables } from "../types.ts";
import type { FoundStorage, FromHost } from "./endpoint.ts";
import type { ThreadConfig } from "./protocol.ts";

/** The names of a database's locks and of its channel. */
export function tabNames(database: string) {
  return {
    channel: `sqlite-wasm-pool:${database}`,
    owner: `sqlite-wasm-pool:${database}`,
    files: `sqlite-wasm-pool-files:${database}`,
    write: `sqlite-wasm-pool-write:${database}`,
  };
}

/** The lock that a member, a worker or a line holds for as long as it lives. */
export function lifeLock(id: string): string {
  return `sqlite-wasm-pool-life:${id}`;
}

/** The channel of a line. */
export function lineChannel(line: string): string {
  return `sqlite-wasm-pool-line:${line}`;
}

/** What of a pool's settings its connections are opened with. */
export type LineSettings = Pick<
  ThreadConfig,
  | "readonly"
  | "create"
  | "journalMode"
  | "synchronous"
  | "foreignKeys"
  | "pragmas"
  | "maxConnections"
  | "statementCacheSize"
  | "integers"
  | "busyTimeout"
>;

/** What a worker with the files tells of itself. */
export interface TabThread {
  /** The member that started it. */
  readonly owner: string;
  /** Lines to it. */
  readonly guests: number;
  readonly found: FoundStorage;
  /** SQLite connections in it, its owner's own and those of lines. */
  readonly connections: number;
}

/** Heard by all members of a database, and by the workers that have its files. */
export type TabMessage =
  /** A member is new here, or has lost its worker: whoever has one says so. */
  | { readonly type: "hello"; readonly member: string }
  /** A member is there; the owner or not. */
  | { readonly type: "here"; readonly member: string; readonly isOwner: boolean }
  /** A worker has the files open, and takes lines. */
  | ({ readonly type: "thread"; readonly thread: string } & TabThread)
  /** To the worker: here is a line for you. Its life lock is held already. */
  | {
      readonly type: "line";
      readonly thread: string;
      readonly line: string;
      readonly settings: LineSettings;
    }
  /** To the owner: a statement that its worker runs for a line is to be stopped. */
  | {
      readonly type: "interrupt";
      readonly thread: string;
      readonly line: string;
      readonly connection: number;
      readonly serial: number;
    }
  /** To the workers of an owner that says nothing: end, there is a new one. */
  | { readonly type: "handOver" }
  /** A commit changed these tables. */
  | { readonly type: "change"; readonly tables: Tables }
  /** Whoever writes is to say so. */
  | { readonly type: "whoWrites" }
  | { readonly type: "writes"; readonly writer: WriteLockHolder };

/** The worker has taken the line. */
export interface LineReady {
  readonly type: "ready";
  /** Its owner can stop what is run for it. */
  readonly canInterrupt: boolean;
}

/** From the worker, over a line. The other way goes what goes to any thread. */
export type FromLine = FromHost | LineReady;

/** A message port for the line to a worker of `owner`; it comes with the port. */
export interface PortOffer {
  readonly type: "offer";
  readonly owner: string;
  readonly thread: string;
  readonly line: string;
}

/** To the shared worker that passes ports on. */
export type ToBroker =
  | { readonly type: "join"; readonly member: string }
  | { readonly type: "leave"; readonly member: string }
  | PortOffer;
