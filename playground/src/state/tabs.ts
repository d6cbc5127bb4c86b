// Which tabs have the playground open, and on what database. Every tab holds a Web Lock for as long as it
// lives, whose name says what it has open: a tab that crashes is gone from the list at once.

import { effect, signal } from "@preact/signals";
import { opening } from "./session.ts";

export interface OpenTab {
  readonly id: string;
  readonly database: string;
  readonly isThis: boolean;
}

const PREFIX = "playground-tab|";

export const tabs = signal<readonly OpenTab[]>([]);

/** Announces this tab and follows the others; the page calls it once. */
export function followTabs(): void {
  const { locks } = navigator;
  if (locks === undefined || typeof BroadcastChannel === "undefined") return;
  const id = crypto.randomUUID().slice(0, 8);
  const channel = new BroadcastChannel("playground-tabs");
  const list = async () => {
    const { held = [] } = await locks.query();
    tabs.value = held.flatMap(({ name }) => {
      if (!name?.startsWith(PREFIX)) return [];
      const [, tab = "", database = ""] = name.split("|");
      return [{ id: tab, database, isThis: tab === id }];
    });
  };
  channel.onmessage = () => void list();
  let leave = () => {};
  effect(() => {
    const { value } = opening;
    const database = value.state === "open" ? value.session.settings.database : "";
    leave();
    const left = new Promise<void>((resolve) => {
      leave = resolve;
    });
    void locks.request(`${PREFIX}${id}|${database}`, () => {
      channel.postMessage("changed");
      void list();
      return left;
    });
  });
  addEventListener("pagehide", () => channel.postMessage("changed"));
  // A tab that goes away tells of it before its lock is free, or, in a crash, not at all.
  document.addEventListener("visibilitychange", () => void list());
  setInterval(() => {
    if (document.visibilityState === "visible") void list();
  }, 2_000);
}
