// Listens to a pool and keeps what the views show of it: lanes, requests, the log, and one point of the
// charts per interval. It is called for every statement, so it only notes; views read at their own pace.

import { signal } from "@preact/signals";
import type { ConnectionPool, LogState } from "sqlite-wasm-pool";
import { EventLog } from "./event-log.ts";
import { LaneBook } from "./lanes.ts";
import { RequestBook } from "./requests.ts";
import { Series } from "./series.ts";

const INTERVAL_MS = 500;

/** The memory of one pool's doings. */
export class Recorder {
  readonly lanes = new LaneBook();
  readonly requests = new RequestBook();
  readonly log = new EventLog();
  readonly series: Series;
  /** Counts intervals; whoever shows the pool's state reads it anew when this changes. */
  readonly ticks = signal(0);
  readonly #ends: (() => void)[];
  readonly #timer: ReturnType<typeof setInterval>;
  #log: LogState | undefined;

  constructor(pool: ConnectionPool) {
    this.series = new Series(pool.stats());
    const { lanes, requests, log, series } = this;
    for (const { connection } of pool.connections()) lanes.opened(connection);
    this.#ends = [
      pool.on("acquire", ({ connection, waitMs }) => {
        lanes.lent(connection);
        requests.lent(connection, waitMs);
      }),
      pool.on("release", ({ connection, heldMs }) => lanes.returned(connection, heldMs)),
      pool.on("query", (query) => {
        requests.ran(query);
        series.ran(query.durationMs);
        lanes.ran(query);
        const { error } = query;
        if (error !== undefined) log.add("error", query.connection, error.message);
      }),
      pool.on("create", ({ connection, durationMs }) => {
        lanes.opened(connection);
        log.add("create", connection, `opened in ${durationMs.toFixed(1)} ms`);
      }),
      pool.on("close", ({ connection, reason }) => {
        lanes.closed(connection);
        log.add("close", connection, reason);
      }),
      pool.on("wait", ({ waiting }) => log.add("wait", undefined, `${waiting} in the queue`)),
      pool.on("timeout", ({ waitedMs }) =>
        log.add("timeout", undefined, `gave up after ${Math.round(waitedMs)} ms`),
      ),
      pool.on("leak", ({ connection, heldMs, sql }) =>
        log.add(
          "leak",
          connection,
          `out for ${Math.round(heldMs)} ms${sql ? `, runs ${sql}` : ""}`,
        ),
      ),
      pool.on("replace", ({ connection, reason }) => log.add("replace", connection, reason)),
      pool.on("owner", ({ role, tookMs }) => {
        const who = role === "owner" ? "this tab runs SQLite now" : "another tab runs SQLite now";
        log.add("owner", undefined, `${who}; nobody did for ${Math.round(tookMs)} ms`);
      }),
      pool.on("dirty", ({ connection, sql }) =>
        log.add("dirty", connection, `an open transaction was rolled back; last ran ${sql ?? "-"}`),
      ),
    ];
    this.#log = pool.stats().log;
    this.#timer = setInterval(() => {
      const stats = pool.stats();
      series.tick(stats);
      this.#compareLog(stats.log);
      this.ticks.value++;
    }, INTERVAL_MS);
  }

  /** Nobody tells of the checkpoints that SQLite makes by itself; the log shows what they did. */
  #compareLog(log: LogState | undefined): void {
    const before = this.#log;
    this.#log = log;
    if (log === undefined || before === undefined) return;
    const moved = log.checkpointed - before.checkpointed;
    if (log.frames < before.frames) {
      this.log.add("checkpoint", undefined, `the log of ${before.frames} frames begins anew`);
    } else if (moved > 0) {
      const text = `${moved} frames moved into the database, ${log.checkpointed} of ${log.frames}`;
      this.log.add("checkpoint", undefined, text);
    }
  }

  stop(): void {
    clearInterval(this.#timer);
    for (const end of this.#ends) end();
  }
}
