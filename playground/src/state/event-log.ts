// What happened to the pool, in words. Events of one kind that come thick are one line with a count, so
// that a load does not wash the rest away.

import { Ring } from "./ring.ts";

export type EventKind =
  | "create"
  | "close"
  | "wait"
  | "timeout"
  | "leak"
  | "replace"
  | "dirty"
  | "error"
  | "checkpoint"
  | "owner"
  | "fault"
  | "load";

export interface LogEntry {
  readonly id: number;
  readonly at: Date;
  readonly kind: EventKind;
  readonly connection: number | undefined;
  readonly text: string;
  /** How many events the line stands for. */
  readonly count: number;
}

const MOST_ENTRIES = 400;
const SAME_WITHIN_MS = 1_000;
const COUNTED: readonly EventKind[] = ["wait", "timeout", "error"];

interface Entry extends LogEntry {
  text: string;
  count: number;
}

export class EventLog {
  readonly #entries = new Ring<Entry>(MOST_ENTRIES);
  readonly #latest = new Map<EventKind, Entry>();
  #nextId = 1;

  add(kind: EventKind, connection: number | undefined, text: string): void {
    const at = new Date();
    const latest = this.#latest.get(kind);
    const isSame =
      COUNTED.includes(kind) &&
      latest !== undefined &&
      at.getTime() - latest.at.getTime() < SAME_WITHIN_MS;
    if (isSame) {
      latest.count++;
      latest.text = text;
      return;
    }
    const entry = { id: this.#nextId++, at, kind, connection, text, count: 1 };
    this.#latest.set(kind, entry);
    this.#entries.push(entry);
  }

  /** Newest first. */
  get entries(): readonly LogEntry[] {
    return this.#entries.toArray().reverse();
  }

  clear(): void {
    this.#entries.clear();
    this.#latest.clear();
  }
}
