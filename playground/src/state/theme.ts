// Light, dark, or as the system has it.

import { effect, signal } from "@preact/signals";
import { readStored, store } from "./stored.ts";

export type Theme = "system" | "light" | "dark";

const KEY = "theme";

export const theme = signal<Theme>("system");
/** Counts changes of the colours in use, for what is drawn on a canvas. */
export const colourChanges = signal(0);

/** Applies the theme, and whatever it is changed to. */
export function followTheme(): void {
  const kept = readStored(KEY);
  if (kept === "light" || kept === "dark") theme.value = kept;
  effect(() => {
    const { value } = theme;
    if (value === "system") delete document.documentElement.dataset.theme;
    else document.documentElement.dataset.theme = value;
    store(KEY, value);
    colourChanges.value = colourChanges.peek() + 1;
  });
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => {
    colourChanges.value = colourChanges.peek() + 1;
  });
}

let probe: HTMLElement | undefined;

/** The present value of a colour token, resolved for drawing. */
export function colour(token: string): string {
  if (probe === undefined) {
    probe = document.createElement("span");
    probe.hidden = true;
    document.body.append(probe);
  }
  probe.style.color = `var(--${token})`;
  return getComputedStyle(probe).color;
}
