// The latest requests, each cut into what it was spent on: waiting for a connection, waiting for its
// thread or a lock, running, and the way back with the rows.

import type { PoolEvents } from "sqlite-wasm-pool";
import { Ring } from "./ring.ts";

export interface RequestRecord {
  readonly id: number;
  readonly connection: number;
  readonly sql: string;
  /** When it was asked for, in `performance.now()` milliseconds. */
  readonly from: number;
  /** For a connection. */
  readonly waitedMs: number;
  /** For the connection's thread, or for a lock. */
  readonly queuedMs: number;
  readonly ranMs: number;
  readonly transferredMs: number;
  readonly rows: number;
  readonly error: string | undefined;
}

const MOST_REQUESTS = 200;

export class RequestBook {
  readonly #requests = new Ring<RequestRecord>(MOST_REQUESTS);
  /** How long each connection's present borrower waited; told once, to its first request. */
  readonly #waits = new Map<number, number>();
  #nextId = 1;

  lent(connection: number, waitMs: number): void {
    this.#waits.set(connection, waitMs);
  }

  ran({ connection, sql, durationMs, queuedMs, ranMs, rows, error }: PoolEvents["query"]): void {
    const waitedMs = this.#waits.get(connection) ?? 0;
    this.#waits.delete(connection);
    // Clocks of two threads may differ by a little.
    const before = Math.min(queuedMs ?? 0, durationMs);
    const inThread = Math.min(ranMs ?? durationMs, durationMs - before);
    this.#requests.push({
      id: this.#nextId++,
      connection,
      sql,
      from: performance.now() - durationMs - waitedMs,
      waitedMs,
      queuedMs: before,
      ranMs: inThread,
      transferredMs: durationMs - before - inThread,
      rows,
      error: error?.message,
    });
  }

  /** The latest `most`, oldest first. */
  latest(most: number): readonly RequestRecord[] {
    return this.#requests.toArray().slice(-most);
  }

  clear(): void {
    this.#requests.clear();
  }
}
