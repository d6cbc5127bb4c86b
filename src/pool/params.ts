// Parameters as the caller gave them, checked and made ready for the way to SQLite.

import type { WireParams } from "../rpc/protocol.ts";
import type { Bytes, SqlValue } from "../types.ts";

const NONE: readonly SqlValue[] = Object.freeze([]);
const EXPECTED = "expected null, number, bigint, string, boolean, Uint8Array or ArrayBuffer";
const MOST_INT64 = 2n ** 63n - 1n;
const LEAST_INT64 = -(2n ** 63n);

/**
 * A copy: what the caller does with the parameters later on, to the bytes of a blob too, is not meant for
 * this call. Booleans become 0 and 1, an ArrayBuffer its bytes. @throws TypeError naming the parameter
 */
export function normalizeParams(params: object | undefined): WireParams {
  if (params === undefined) return NONE;
  if (Array.isArray(params)) {
    const list = normalizeList(params);
    return list === params ? list.slice() : list;
  }
  if (!isRecord(params)) {
    throw new TypeError(`parameters must be an array or an object, not ${describe(params)}`);
  }
  const named: Record<string, SqlValue> = Object.create(null);
  for (const [name, value] of Object.entries(params)) named[name] = normalize(value, name);
  return { ...named };
}

/** The parameters of each run of one statement, as {@link normalizeParams} copies them. */
export function normalizeLists(lists: readonly object[]): WireParams[] {
  const own = checkLists(lists);
  keepLists(own);
  return own;
}

/**
 * The same, for who reads them before the caller goes on: a list that needs no change is still the caller's.
 * @throws TypeError naming the parameter
 */
export function checkLists(lists: readonly object[]): WireParams[] {
  if (!Array.isArray(lists))
    throw new TypeError("paramsList must be an array with the parameters of each run");
  const own: WireParams[] = [];
  for (const params of lists as readonly object[])
    own.push(Array.isArray(params) ? normalizeList(params) : normalizeParams(params));
  return own;
}

/** Puts copies in the place of lists that may be the caller's, for whoever has the array, too. */
export function keepLists(own: WireParams[]): void {
  for (const [i, params] of own.entries()) if (Array.isArray(params)) own[i] = params.slice();
}

/** The values of a built-in object, such as a Map or a Date, are not its properties. */
function isRecord(params: unknown): params is Readonly<Record<string, unknown>> {
  return Object.prototype.toString.call(params) === "[object Object]";
}

/** The list itself where nothing in it has to be changed. */
function normalizeList(values: readonly unknown[]): readonly SqlValue[] {
  for (let i = 0; i < values.length; i++) {
    const value = values[i];
    if (value === null || typeof value === "string") continue;
    // NaN is not equal to itself.
    // biome-ignore lint/suspicious/noSelfCompare: the quickest test for NaN
    if (typeof value === "number" && value === value) continue;
    // Array.from visits holes, which `map` would skip.
    return Array.from(values, (each, index) => normalize(each, index + 1));
  }
  return values as readonly SqlValue[];
}

function normalize(value: unknown, name: string | number): SqlValue {
  switch (typeof value) {
    case "string":
      return value;
    case "boolean":
      return value ? 1 : 0;
    case "number":
      if (Number.isNaN(value)) throw new TypeError(`parameter ${name} is NaN, which SQLite lacks`);
      return value;
    case "bigint":
      if (value >= LEAST_INT64 && value <= MOST_INT64) return value;
      throw new TypeError(`parameter ${name} is ${value}, which needs more than 64 bits`);
    default:
      if (value === null) return null;
      if (isOf(value, "Uint8Array") || isOf(value, "ArrayBuffer")) return copyOf(value, name);
      throw new TypeError(`parameter ${name} is ${describe(value)}; ${EXPECTED}`);
  }
}

/** `instanceof` knows nothing of classes of other realms, as test runners and frames have them. */
function isOf(
  value: unknown,
  name: "Uint8Array" | "ArrayBuffer",
): value is Uint8Array | ArrayBuffer {
  return Object.prototype.toString.call(value) === `[object ${name}]`;
}

function copyOf(value: Uint8Array | ArrayBuffer, name: string | number): Bytes {
  try {
    // `slice` would not do: that of Node's Buffer shares the bytes.
    return ArrayBuffer.isView(value) ? new Uint8Array(value) : new Uint8Array(value.slice());
  } catch (cause) {
    throw new TypeError(`parameter ${name} cannot be read: it was transferred to another thread`, {
      cause,
    });
  }
}

/** A value that is none of the right ones, in words. */
export function describe(value: unknown): string {
  if (value === null || value === undefined) return String(value);
  if (typeof value !== "object") return `a ${typeof value}`;
  return `an instance of ${value.constructor?.name ?? "an object without a class"}`;
}
