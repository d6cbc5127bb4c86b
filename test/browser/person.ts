// Somebody in front of a page: finds things by what they are called, waits until they are there, and uses
// the mouse and the keyboard.

import type { Input, Tab } from "../harness/browsers/browser.ts";

/** Longest wait for the page to do what is expected of it, in milliseconds. */
const PATIENCE_MS = 45_000;

interface Place {
  readonly x: number;
  readonly y: number;
}

/** What can be pressed is found by its kind, and by its label or text. */
export interface Target {
  readonly selector: string;
  readonly name?: string;
}

export class Person {
  readonly tab: Tab;
  readonly #input: Input;

  constructor(tab: Tab) {
    if (tab.input === undefined) throw new Error("BUG: this browser takes no input");
    this.tab = tab;
    this.#input = tab.input;
  }

  /** Clicks what `selector` finds and is called `name`, once it is there and can be used. */
  async click(selector: string, name?: string): Promise<void> {
    const target = { selector, ...(name === undefined ? {} : { name }) };
    let place = await this.#place(target);
    for (;;) {
      // What moves is not clicked at.
      const now = await this.#place(target);
      if (now.x === place.x && now.y === place.y) break;
      place = now;
    }
    await this.#input.click(place.x, place.y);
  }

  /** Follows the link to a view. */
  async goTo(view: string): Promise<void> {
    await this.click("nav a", view);
    await this.sees(`nav a[aria-current=page]`, view);
  }

  /** Puts `text` in place of what is in the editor. */
  async writeSql(text: string): Promise<void> {
    await this.click(".cm-content");
    await this.sees(".cm-editor.cm-focused");
    await this.#input.press("Control+a");
    await this.#input.press("Delete");
    await this.sees(".cm-placeholder");
    // Brackets and quotes would be closed by the editor, and closed once more by what follows.
    await this.tab.run((sql) => void document.execCommand("insertText", false, sql), text);
    await this.sees(".cm-content", text.split("\n")[0]);
  }

  type(text: string): Promise<void> {
    return this.#input.type(text);
  }

  press(keys: string): Promise<void> {
    return this.#input.press(keys);
  }

  chooseFile(selector: string, path: string): Promise<void> {
    return this.#input.chooseFile(selector, path);
  }

  /** Waits until what `selector` finds has `text` in it; gives all of its text. */
  sees(selector: string, text = ""): Promise<string> {
    return this.#until(
      ({ selector, text }) => {
        const found = [...document.querySelectorAll<HTMLElement>(selector)].map(
          (element) => element.textContent,
        );
        return found.find((each) => each.includes(text));
      },
      { selector, text },
      `${selector} with "${text}"`,
    );
  }

  /** Waits until `selector` finds nothing. */
  async missesAll(selector: string): Promise<void> {
    await this.#until(
      (selector) => document.querySelector(selector) === null || undefined,
      selector,
      `no ${selector}`,
    );
  }

  #place(target: Target): Promise<Place> {
    return this.#until(
      ({ selector, name }) => {
        const element = [...document.querySelectorAll<HTMLElement>(selector)].find((each) => {
          const label = each.getAttribute("aria-label") ?? each.textContent;
          return name === undefined || label.trim().startsWith(name);
        });
        if (element === undefined || element.matches(":disabled")) return undefined;
        element.scrollIntoView({ block: "center" });
        const { x, y, width, height } = element.getBoundingClientRect();
        return width === 0 ? undefined : { x: x + width / 2, y: y + height / 2 };
      },
      target,
      `${target.selector} called ${target.name}`,
    );
  }

  /** Asks the page again and again; it looks whenever it changes. */
  async #until<A, R>(
    look: (argument: A) => R | undefined,
    argument: A,
    expected: string,
  ): Promise<R> {
    const body = `async ({ argument, patienceMs }) => {
      const look = ${look};
      const end = performance.now() + patienceMs;
      for (;;) {
        const found = look(argument);
        if (found !== undefined) return { found };
        if (performance.now() > end) return { seen: document.body.innerText };
        await new Promise((resolve) => setTimeout(resolve, 25));
      }
    }`;
    type Answer = { found?: R; seen?: string };
    const script = body as unknown as (argument: object) => Promise<Answer>;
    const { found, seen } = await this.tab.run(script, { argument, patienceMs: PATIENCE_MS });
    if (found !== undefined) return found;
    throw new Error(
      `expected ${expected}; the page shows:\n${seen}\n${this.tab.console.slice(-5).join("\n")}`,
    );
  }
}
