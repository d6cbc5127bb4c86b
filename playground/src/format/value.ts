// SQLite's values as text: nothing is rounded, and nothing looks like something else.

import type { SqlValue } from "sqlite-wasm-pool";

export type Shown = "null" | "number" | "text" | "blob";

/** Text of a cell is cut here; all of it is shown when the cell is opened. */
const MOST_CELL_LENGTH = 300;
const MOST_CELL_BYTES = 24;

export function kindOf(value: SqlValue): Shown {
  if (value === null) return "null";
  if (typeof value === "string") return "text";
  return value instanceof Uint8Array ? "blob" : "number";
}

/** One line for a cell of the grid. */
export function cellText(value: SqlValue): string {
  if (value === null) return "NULL";
  if (typeof value === "number") return numberText(value);
  if (typeof value === "bigint") return String(value);
  if (typeof value === "string") return oneLine(value);
  const shown = hex(value.subarray(0, MOST_CELL_BYTES), " ");
  return `${shown}${value.length > MOST_CELL_BYTES ? " …" : ""} (${byteCount(value.length)})`;
}

/** A number as SQLite has it: infinite ones, and the sign of zero, are kept. */
export function numberText(value: number): string {
  if (value === Number.POSITIVE_INFINITY) return "Inf";
  if (value === Number.NEGATIVE_INFINITY) return "-Inf";
  return Object.is(value, -0) ? "-0.0" : String(value);
}

export function hex(bytes: Uint8Array, separator = ""): string {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join(separator);
}

/** A hex dump, sixteen bytes a line with their ASCII. */
export function hexDump(bytes: Uint8Array, most = 65_536): string {
  const lines: string[] = [];
  for (let at = 0; at < Math.min(bytes.length, most); at += 16) {
    const part = bytes.subarray(at, at + 16);
    const ascii = Array.from(part, (byte) =>
      byte >= 0x20 && byte < 0x7f ? String.fromCharCode(byte) : ".",
    ).join("");
    lines.push(`${at.toString(16).padStart(8, "0")}  ${hex(part, " ").padEnd(47)}  ${ascii}`);
  }
  if (bytes.length > most) lines.push(`… ${byteCount(bytes.length - most)} more`);
  return lines.join("\n");
}

/** Control characters and line ends are shown by their symbols. */
function oneLine(text: string): string {
  const cut = text.length > MOST_CELL_LENGTH ? `${text.slice(0, MOST_CELL_LENGTH)}…` : text;
  return Array.from(cut, (character) => {
    const code = character.charCodeAt(0);
    if (code < 0x20) return String.fromCharCode(0x2400 + code);
    return code === 0x7f ? "␡" : character;
  }).join("");
}

const UNITS = ["B", "KB", "MB", "GB", "TB"];

/** A size in bytes, in the unit that fits. */
export function byteCount(bytes: number): string {
  let value = bytes;
  let unit = 0;
  while (value >= 1_000 && unit < UNITS.length - 1) {
    value /= 1_000;
    unit++;
  }
  return `${unit === 0 ? value : value.toFixed(value < 10 ? 2 : 1)} ${UNITS[unit]}`;
}

/** Milliseconds with the digits that matter. */
export function milliseconds(ms: number): string {
  if (ms >= 10_000) return `${(ms / 1_000).toFixed(1)} s`;
  if (ms >= 100) return `${ms.toFixed(0)} ms`;
  return `${ms.toFixed(ms >= 10 ? 1 : 2)} ms`;
}

/** A whole number with its thousands apart. */
export function count(value: number): string {
  return String(value).replace(/\B(?=(?:\d{3})+$)/g, ",");
}

/** A rate per second with three figures. */
export function rate(perSecond: number): string {
  return perSecond >= 100 ? count(Math.round(perSecond)) : perSecond.toPrecision(3);
}
