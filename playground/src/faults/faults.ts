// Things that go wrong, done on purpose, for real, and what the pool did about them. Each fault tells its
// story line by line.

import {
  AcquireTimeoutError,
  type Connection,
  type ConnectionPool,
  SqliteError,
  WorkerCrashedError,
} from "sqlite-wasm-pool";
import { crashThread } from "sqlite-wasm-pool/testing";
import { milliseconds } from "../format/value.ts";
import { messageOf } from "../state/notices.ts";

/** What a fault tells, and until when it goes on. */
export interface Stage {
  tell(text: string): void;
  /** Resolves after so many milliseconds, or when the fault is to end. */
  pause(ms: number): Promise<void>;
  readonly signal: AbortSignal;
}

export interface Fault {
  readonly name: string;
  readonly explains: string;
  run(pool: ConnectionPool, stage: Stage): Promise<void>;
}

const LEAK_MS = 8_000;
const TRANSACTION_MS = 4_000;
const WAITERS = 12;
const EXHAUST_TIMEOUT_MS = 2_000;
/** Long enough not to end by itself before the fault does. */
const ENDLESS = `
  WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 1000000000000)
  SELECT count(*) FROM n`;

const since = (started: number) => milliseconds(performance.now() - started);

/** Ends the thread of a connection that runs a statement. */
const kill: Fault = {
  name: "Kill a worker",
  explains: "ends a thread in the middle of a statement, as a browser short of memory would",
  async run(pool, { tell }) {
    if (pool.stats().threads === 0) {
      tell("SQLite runs in this thread here: there is no worker to kill.");
      return;
    }
    if (pool.capabilities.role === "client") {
      tell(
        "Another tab runs SQLite for this one: kill its worker there, and watch the events here.",
      );
      return;
    }
    const db = await pool.acquire();
    const failed = db.query(ENDLESS).then(
      () => undefined,
      (error: unknown) => error,
    );
    tell(`Connection ${db.id} runs a statement without end. Its thread is killed.`);
    const started = performance.now();
    await crashThread(pool, db.id);
    const error = await failed;
    const known = error instanceof WorkerCrashedError;
    tell(`The statement rejected after ${since(started)}: ${messageOf(error)}`);
    if (!known) throw new Error("BUG: the statement should have failed with WORKER_CRASHED");
    await db.release();
    const answered = performance.now();
    const check = await pool.queryValue<string>("PRAGMA quick_check");
    tell(`A new connection answered in ${since(answered)}; quick_check of the database: ${check}.`);
    tell(`Connections replaced so far: ${pool.stats().replaced}.`);
  },
};

const leak: Fault = {
  name: "Leak a connection",
  explains: "borrows a connection and does not give it back for 8 seconds",
  async run(pool, { tell, pause }) {
    const ends = pool.on("leak", ({ connection, heldMs, stack }) => {
      tell(`The pool reports: connection ${connection} out for ${milliseconds(heldMs)}.`);
      tell(`It knows where it was acquired: ${stack.split("\n").slice(0, 4).join(" ")}`);
    });
    const db = await pool.acquire();
    try {
      tell(`Connection ${db.id} is borrowed and not given back.`);
      await pause(LEAK_MS);
    } finally {
      await db.release();
      ends();
    }
    tell(`It is given back. Leaks reported so far: ${pool.stats().leaked}.`);
  },
};

const longWrite: Fault = {
  name: "Long transaction",
  explains: "holds the write lock for 4 seconds while readers and a second writer come",
  async run(pool, { tell, pause, signal }) {
    let writer: Promise<void> | undefined;
    await pool.write(async (db) => {
      tell(`Connection ${db.id} has the write lock.`);
      const asked = performance.now();
      writer = pool
        .write(() => tell(`The second writer got its turn after ${since(asked)}.`))
        .catch((error: unknown) => tell(`The second writer gave up: ${messageOf(error)}`));
      const times: number[] = [];
      const until = performance.now() + TRANSACTION_MS;
      while (performance.now() < until && !signal.aborted) {
        const started = performance.now();
        await pool.queryValue("SELECT count(*) FROM sqlite_schema");
        times.push(performance.now() - started);
        await pause(100);
      }
      times.sort((a, b) => a - b);
      const p99 = times[Math.floor((times.length - 1) * 0.99)] ?? 0;
      tell(`Meanwhile ${times.length} readers were served, the slowest in ${milliseconds(p99)}.`);
    });
    tell("The transaction is committed.");
    await writer;
  },
};

const exhaust: Fault = {
  name: "Exhaust the pool",
  explains: "borrows every connection, then lets a dozen callers ask for one",
  async run(pool, { tell }) {
    const held: Connection[] = [];
    try {
      while (held.length < pool.maxConnections) {
        held.push(await pool.acquire({ timeout: EXHAUST_TIMEOUT_MS }));
      }
      tell(
        `All ${held.length} connections are out. ${WAITERS} callers ask for one, for 2 seconds.`,
      );
      const asked = Array.from({ length: WAITERS }, async () => {
        const db = await pool.acquire({ timeout: EXHAUST_TIMEOUT_MS });
        await db.release();
      });
      const outcomes = await Promise.allSettled(asked);
      const errors = outcomes.flatMap((each) => (each.status === "rejected" ? [each.reason] : []));
      const timedOut = errors.filter((error) => error instanceof AcquireTimeoutError);
      tell(`${timedOut.length} of ${WAITERS} gave up with ACQUIRE_TIMEOUT, as they had asked to.`);
      const [first] = timedOut;
      if (first instanceof AcquireTimeoutError) tell(first.message);
    } finally {
      for (const db of held) await db.release();
    }
    const started = performance.now();
    await pool.queryValue("SELECT 1");
    tell(`All are given back, none is lost: the next caller was served in ${since(started)}.`);
  },
};

const fill: Fault = {
  name: "Fill the quota",
  explains: "sets PRAGMA max_page_count just above the present size and writes beyond it",
  async run(pool, { tell }) {
    const before = await pool.queryValue<number>("PRAGMA page_count");
    await pool.withConnection(async (db) => {
      const most = (before ?? 0) + 20;
      await db.execute(`PRAGMA max_page_count = ${most}`);
      tell(`The database has ${before} pages; this connection may make it ${most}.`);
      try {
        await db.transaction(async () => {
          await db.execute("CREATE TABLE playground_fill (bytes BLOB)");
          for (let i = 0; ; i++) {
            await db.execute("INSERT INTO playground_fill VALUES (zeroblob(20000))");
            if (i === 0) tell("Rows of 20 KB are written in one transaction …");
          }
        });
      } catch (error) {
        if (!(error instanceof SqliteError)) throw error;
        tell(`SQLite refused: ${messageOf(error)}`);
      }
      tell(db.inTransaction ? "BUG: the transaction is open." : "The transaction was rolled back.");
    });
    const after = await pool.queryValue<number>("PRAGMA page_count");
    const check = await pool.queryValue<string>("PRAGMA quick_check");
    tell(`Pages: ${before} before, ${after} after; quick_check: ${check}.`);
    tell("The connection's limit is gone with its lease: the pool made it as new.");
  },
};

const forget: Fault = {
  name: "Forget a COMMIT",
  explains: "gives a connection back in the middle of a transaction",
  async run(pool, { tell }) {
    const ends = pool.on("dirty", ({ connection }) =>
      tell(`The pool found a transaction open on connection ${connection} and rolled it back.`),
    );
    const db = await pool.acquire();
    try {
      await db.execute("BEGIN IMMEDIATE");
      await db.execute("CREATE TABLE playground_forgotten (x)");
      tell(`Connection ${db.id} began a transaction, made a table, and is given back.`);
    } finally {
      await db.release();
      ends();
    }
    const left = await pool.queryValue<number>(
      "SELECT count(*) FROM sqlite_schema WHERE name = 'playground_forgotten'",
    );
    tell(left === 0 ? "The table is not there, and the write lock is free." : "BUG: it is there.");
  },
};

export const FAULTS: readonly Fault[] = [kill, leak, longWrite, exhaust, fill, forget];
