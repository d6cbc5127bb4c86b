// What the page tells in passing.

import { signal } from "@preact/signals";

export interface Notice {
  readonly id: number;
  readonly kind: "info" | "bad";
  readonly text: string;
}

const STAYS_MS = 6_000;

export const notices = signal<readonly Notice[]>([]);
let nextId = 1;

/** Shows a line for a few seconds; one that tells of a failure stays until it is dismissed. */
export function notify(text: string, kind: Notice["kind"] = "info"): void {
  const id = nextId++;
  notices.value = [...notices.value.slice(-3), { id, kind, text }];
  if (kind === "info") setTimeout(() => dismiss(id), STAYS_MS);
}

export function dismiss(id: number): void {
  notices.value = notices.value.filter((notice) => notice.id !== id);
}

/** Runs an action of a button; what it throws is shown. */
export async function attempt(action: () => unknown): Promise<void> {
  try {
    await action();
  } catch (thrown) {
    notify(messageOf(thrown), "bad");
  }
}

/** An error in one line, with its code where it has one. */
export function messageOf(thrown: unknown): string {
  if (!(thrown instanceof Error)) return String(thrown);
  const { code } = thrown as { code?: unknown };
  return typeof code === "string" ? `${code}: ${thrown.message}` : thrown.message;
}
