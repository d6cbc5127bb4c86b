// A result as CSV, JSON or tab-separated text. Each form keeps apart what SQLite keeps apart, as far as
// it can: a CSV has no NULL, so it leaves the field empty, and an empty text is quoted.

import type { SqlValue } from "sqlite-wasm-pool";
import { hex, numberText } from "./value.ts";

export interface Table {
  readonly columns: readonly string[];
  readonly rows: readonly (readonly SqlValue[])[];
}

/** See https://www.rfc-editor.org/rfc/rfc4180 */
export function toCsv({ columns, rows }: Table): string {
  const lines = [columns.map(quoted).join(",")];
  for (const row of rows) lines.push(row.map(csvField).join(","));
  return `${lines.join("\r\n")}\r\n`;
}

/** For pasting into a spreadsheet. */
export function toTsv({ columns, rows }: Table): string {
  const field = (value: SqlValue) => plain(value).replaceAll(/[\t\r\n]+/g, " ");
  return [columns.map(field), ...rows.map((row) => row.map(field))]
    .map((fields) => fields.join("\t"))
    .join("\n");
}

/**
 * An array of objects; of two columns of one name the second is named `name:1`. An integer that JSON's
 * readers would round is a string, a blob is `{ "$blob": "hex" }`.
 */
export function toJson({ columns, rows }: Table): string {
  const names = distinct(columns);
  const lines = rows.map((row) => {
    const fields = row.map((value, i) => `${JSON.stringify(names[i])}: ${jsonValue(value)}`);
    return `  { ${fields.join(", ")} }`;
  });
  return lines.length === 0 ? "[]\n" : `[\n${lines.join(",\n")}\n]\n`;
}

function csvField(value: SqlValue): string {
  if (value === null) return "";
  if (typeof value !== "string") return plain(value);
  return value === "" ? '""' : quoted(value);
}

function quoted(text: string): string {
  return /[",\r\n]|^\s|\s$/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}

function plain(value: SqlValue): string {
  if (value === null) return "";
  if (typeof value === "number") return numberText(value);
  if (value instanceof Uint8Array) return `x'${hex(value)}'`;
  return String(value);
}

function jsonValue(value: SqlValue): string {
  if (typeof value === "bigint") return `"${value}"`;
  if (typeof value === "number" && !Number.isFinite(value)) return `"${numberText(value)}"`;
  if (value instanceof Uint8Array) return `{ "$blob": "${hex(value)}" }`;
  return JSON.stringify(value);
}

function distinct(columns: readonly string[]): string[] {
  const seen = new Map<string, number>();
  return columns.map((name) => {
    const before = seen.get(name) ?? 0;
    seen.set(name, before + 1);
    return before === 0 ? name : `${name}:${before}`;
  });
}
