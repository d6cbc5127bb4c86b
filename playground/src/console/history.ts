// What was run, newest first, in this browser.

import { signal } from "@preact/signals";
import { readStored, store } from "../state/stored.ts";

export interface HistoryEntry {
  readonly sql: string;
  readonly database: string;
  /** Milliseconds since 1970. */
  readonly at: number;
}

const KEY = "history";
const MOST_ENTRIES = 100;
const MOST_SQL_LENGTH = 20_000;

export const history = signal<readonly HistoryEntry[]>(read());

/** Adds a run; one that is in the list already moves to its head. */
export function remember(sql: string, database: string): void {
  const text = sql.trim();
  if (text === "" || text.length > MOST_SQL_LENGTH) return;
  const others = history.value.filter((entry) => entry.sql !== text || entry.database !== database);
  history.value = [{ sql: text, database, at: Date.now() }, ...others].slice(0, MOST_ENTRIES);
  store(KEY, JSON.stringify(history.value));
}

export function forgetAll(): void {
  history.value = [];
  store(KEY, "[]");
}

function read(): HistoryEntry[] {
  try {
    const entries: unknown = JSON.parse(readStored(KEY) ?? "[]");
    return Array.isArray(entries) ? entries.filter(isEntry) : [];
  } catch {
    return [];
  }
}

function isEntry(value: unknown): value is HistoryEntry {
  const entry = value as Partial<HistoryEntry> | null;
  return typeof entry?.sql === "string" && typeof entry.database === "string";
}
