// The pool of the page: one at a time, opened as the address says.

import { signal } from "@preact/signals";
import { type ConnectionPool, openPool, deleteDatabase as removeDatabase } from "sqlite-wasm-pool";
import { address, amendAddress, type PoolSettings } from "./link.ts";
import { Recorder } from "./recorder.ts";

/** A pool that is open, and what has been seen of it. */
export interface Session {
  readonly pool: ConnectionPool;
  readonly recorder: Recorder;
  readonly settings: PoolSettings;
}

export type Opening =
  | { readonly state: "opening"; readonly settings: PoolSettings }
  | { readonly state: "open"; readonly session: Session }
  | { readonly state: "failed"; readonly settings: PoolSettings; readonly error: unknown };

export const opening = signal<Opening>({ state: "opening", settings: address.peek().settings });

/** Changes of the schema, and of which databases there are, seen from this page. */
export const schemaChanges = signal(0);
export const filesChanges = signal(0);

function noteSchemaChange(): void {
  schemaChanges.value = schemaChanges.peek() + 1;
}

function noteFilesChange(): void {
  filesChanges.value = filesChanges.peek() + 1;
}

/** Openings and closings come one after another. */
let turn: Promise<unknown> = Promise.resolve();

function inTurn<T>(work: () => Promise<T>): Promise<T> {
  const result = turn.then(work, work);
  turn = result.catch(() => {});
  return result;
}

/** Closes the pool that is open, and opens one as `settings` say. Rejects with what openPool throws. */
export function openSession(settings: PoolSettings): Promise<Session> {
  return inTurn(async () => {
    await closeCurrent();
    opening.value = { state: "opening", settings };
    amendAddress({ settings });
    try {
      const pool = await openPool(settings.database, optionsOf(settings));
      pool.on("change", ({ tables }) => {
        if (tables.includes("sqlite_schema")) noteSchemaChange();
      });
      const session = { pool, recorder: new Recorder(pool), settings };
      opening.value = { state: "open", session };
      noteSchemaChange();
      noteFilesChange();
      return session;
    } catch (error) {
      opening.value = { state: "failed", settings, error };
      throw error;
    }
  });
}

/** Deletes a database: the one that is open, or another one. */
export function deleteDatabase(name: string): Promise<void> {
  return inTurn(async () => {
    const { value } = opening;
    const current = value.state === "open" ? value.session : undefined;
    if (current?.settings.database === name) {
      current.recorder.stop();
      await current.pool.deleteDatabase();
    } else await removeDatabase(name);
    noteFilesChange();
  });
}

async function closeCurrent(): Promise<void> {
  const { value } = opening;
  if (value.state !== "open") return;
  value.session.recorder.stop();
  await value.session.pool.close({ timeout: 500 });
}

/** What `openPool` is given for `settings`. */
export function optionsOf(settings: PoolSettings) {
  const { database, ...options } = settings;
  return { ...options, name: database };
}
