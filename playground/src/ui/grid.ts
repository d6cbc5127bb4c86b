// A result as a grid. Only the rows in view are in the document, however many there are; the keyboard
// moves one cell at a time, as in https://www.w3.org/WAI/ARIA/apg/patterns/grid/

import {
  elementScroll,
  observeElementOffset,
  observeElementRect,
  Virtualizer,
} from "@tanstack/virtual-core";
import type { SqlValue } from "sqlite-wasm-pool";
import { cellText, count, kindOf } from "../format/value.ts";

const ROW_PX = 26;
const LEAST_CHARACTERS = 4;
const MOST_CHARACTERS = 48;
/** Of a cell, and some for letters that are wider than a digit. */
const PADDING_CHARACTERS = 3;
/** Rows that the widths of the columns are taken from. */
const SAMPLED_ROWS = 200;

interface Position {
  readonly row: number;
  readonly column: number;
}

export interface GridEvents {
  /** A cell was opened, by Enter or a double click. */
  onOpen(column: string, value: SqlValue): void;
}

/** The grid in `host`, which it fills. */
export class ResultGrid {
  readonly #host: HTMLElement;
  readonly #columns: readonly string[];
  readonly #rows: readonly (readonly SqlValue[])[];
  readonly #events: GridEvents;
  readonly #body = element("div", "grid-body");
  readonly #shown = new Map<number, HTMLElement>();
  readonly #virtualizer: Virtualizer<HTMLElement, HTMLElement>;
  readonly #unmount: () => void;
  #focused: Position = { row: 0, column: 0 };
  #isFocusDue = false;

  constructor(
    host: HTMLElement,
    columns: readonly string[],
    rows: readonly (readonly SqlValue[])[],
    events: GridEvents,
  ) {
    this.#host = host;
    this.#columns = columns;
    this.#rows = rows;
    this.#events = events;
    this.#virtualizer = new Virtualizer<HTMLElement, HTMLElement>({
      count: rows.length,
      getScrollElement: () => host,
      estimateSize: () => ROW_PX,
      overscan: 12,
      scrollToFn: elementScroll,
      observeElementRect,
      observeElementOffset,
      onChange: () => this.#render(),
    });
    host.replaceChildren(this.#table());
    this.#unmount = this.#virtualizer._didMount();
    this.#virtualizer._willUpdate();
    this.#render();
  }

  destroy(): void {
    this.#unmount();
    this.#host.replaceChildren();
  }

  #table(): HTMLElement {
    const table = element("div", "grid");
    table.role = "grid";
    table.ariaLabel = `Result: ${count(this.#rows.length)} rows, ${this.#columns.length} columns`;
    table.ariaRowCount = String(this.#rows.length + 1);
    table.ariaColCount = String(this.#columns.length);
    table.style.setProperty("--columns", this.#widths());
    table.append(this.#head(), this.#body);
    this.#body.role = "rowgroup";
    table.addEventListener("keydown", (event) => this.#onKey(event));
    table.addEventListener("mousedown", (event) => this.#onPress(event));
    table.addEventListener("dblclick", () => this.#open());
    return table;
  }

  #head(): HTMLElement {
    const group = element("div", "grid-head");
    group.role = "rowgroup";
    const row = element("div", "grid-row");
    row.role = "row";
    row.ariaRowIndex = "1";
    row.append(numberCell("#", "columnheader"));
    for (const name of this.#columns) {
      const cell = element("div", "grid-cell");
      cell.role = "columnheader";
      cell.textContent = name;
      cell.title = name;
      row.append(cell);
    }
    group.append(row);
    return group;
  }

  /** A track for the row's number and one per column, as wide as what it holds. */
  #widths(): string {
    const step = Math.max(1, Math.floor(this.#rows.length / SAMPLED_ROWS));
    const last = this.#columns.length - 1;
    const widths = this.#columns.map((name, column) => {
      let most = name.length + 1;
      for (let row = 0; row < this.#rows.length; row += step) {
        most = Math.max(most, cellText(this.#rows[row]?.[column] ?? null).length);
      }
      const width = `${Math.min(Math.max(most, LEAST_CHARACTERS), MOST_CHARACTERS) + PADDING_CHARACTERS}ch`;
      return column === last ? `minmax(${width}, 1fr)` : width;
    });
    return [`${String(this.#rows.length).length + PADDING_CHARACTERS}ch`, ...widths].join(" ");
  }

  #render(): void {
    const items = this.#virtualizer.getVirtualItems();
    const needed = new Set(items.map(({ index }) => index));
    // The focused row stays in the document, or the focus would be lost by scrolling.
    const active = document.activeElement;
    for (const [index, row] of this.#shown) {
      if (needed.has(index) || row.contains(active)) continue;
      row.remove();
      this.#shown.delete(index);
    }
    this.#body.style.height = `${this.#virtualizer.getTotalSize()}px`;
    for (const { index, start } of items) {
      if (this.#shown.has(index)) continue;
      const row = this.#row(index, start);
      this.#shown.set(index, row);
      this.#body.append(row);
    }
    if (this.#isFocusDue) this.#focusWhenDrawn();
  }

  #row(index: number, start: number): HTMLElement {
    const row = element("div", index % 2 === 0 ? "grid-row" : "grid-row odd");
    row.role = "row";
    row.ariaRowIndex = String(index + 2);
    row.style.transform = `translateY(${start}px)`;
    row.append(numberCell(String(index + 1), "rowheader"));
    const values = this.#rows[index] ?? [];
    for (const column of this.#columns.keys()) {
      const value = values[column] ?? null;
      const cell = element("div", `grid-cell ${kindOf(value)}`);
      cell.role = "gridcell";
      cell.dataset.row = String(index);
      cell.dataset.column = String(column);
      cell.tabIndex = index === this.#focused.row && column === this.#focused.column ? 0 : -1;
      cell.textContent = cellText(value);
      row.append(cell);
    }
    return row;
  }

  #onKey(event: KeyboardEvent): void {
    const isControl = event.ctrlKey || event.metaKey;
    const page = Math.max(1, Math.floor(this.#host.clientHeight / ROW_PX) - 2);
    const { row, column } = this.#focused;
    const last = { row: this.#rows.length - 1, column: this.#columns.length - 1 };
    const moves: Readonly<Record<string, Position>> = {
      ArrowDown: { row: row + 1, column },
      ArrowUp: { row: row - 1, column },
      ArrowRight: { row, column: column + 1 },
      ArrowLeft: { row, column: column - 1 },
      PageDown: { row: row + page, column },
      PageUp: { row: row - page, column },
      Home: { row: isControl ? 0 : row, column: 0 },
      End: { row: isControl ? last.row : row, column: last.column },
    };
    const target = moves[event.key];
    if (target !== undefined) {
      event.preventDefault();
      this.#moveTo({
        row: Math.min(Math.max(target.row, 0), last.row),
        column: Math.min(Math.max(target.column, 0), last.column),
      });
    } else if (event.key === "Enter") {
      event.preventDefault();
      this.#open();
    } else if (isControl && event.key.toLowerCase() === "c" && `${getSelection()}` === "") {
      event.preventDefault();
      void navigator.clipboard.writeText(cellText(this.#value));
    }
  }

  #onPress(event: MouseEvent): void {
    const cell = (event.target as Element).closest<HTMLElement>("[role=gridcell]");
    if (cell === null) return;
    this.#moveTo({ row: Number(cell.dataset.row), column: Number(cell.dataset.column) });
  }

  #moveTo(to: Position): void {
    this.#cellAt(this.#focused)?.setAttribute("tabindex", "-1");
    this.#focused = to;
    this.#virtualizer.scrollToIndex(to.row, { align: "auto" });
    this.#focusWhenDrawn();
  }

  /** A row that is far away is drawn only when the grid has scrolled there. */
  #focusWhenDrawn(): void {
    const cell = this.#cellAt(this.#focused);
    this.#isFocusDue = cell === undefined;
    if (cell === undefined) return;
    cell.tabIndex = 0;
    cell.focus({ preventScroll: true });
    cell.scrollIntoView({ block: "nearest", inline: "nearest" });
  }

  #cellAt({ row, column }: Position): HTMLElement | undefined {
    const cell = this.#shown.get(row)?.children[column + 1];
    return cell instanceof HTMLElement ? cell : undefined;
  }

  get #value(): SqlValue {
    return this.#rows[this.#focused.row]?.[this.#focused.column] ?? null;
  }

  #open(): void {
    if (this.#rows.length === 0) return;
    this.#events.onOpen(this.#columns[this.#focused.column] ?? "", this.#value);
  }
}

function element(name: string, className: string): HTMLElement {
  const made = document.createElement(name);
  made.className = className;
  return made;
}

function numberCell(text: string, role: string): HTMLElement {
  const cell = element("div", "grid-number");
  cell.role = role;
  cell.textContent = text;
  return cell;
}
