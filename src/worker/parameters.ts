// From the parameters a caller gave to the values a statement takes, position by position.

import type { WireParams } from "../rpc/protocol.ts";
import type { SqlValue } from "../types.ts";

/** What is known of a statement's parameters: names with their prefix, by position from 0. */
export interface Parameterised {
  readonly sql: string;
  readonly parameters: readonly (string | undefined)[];
}

/** The values of a statement's parameters in order. @throws TypeError naming the one that is wrong */
export function positional(statement: Parameterised, params: WireParams): readonly SqlValue[] {
  return isList(params) ? checkedList(statement, params) : byName(statement, params);
}

function isList(params: WireParams): params is readonly SqlValue[] {
  return Array.isArray(params);
}

function checkedList(
  { sql, parameters }: Parameterised,
  values: readonly SqlValue[],
): readonly SqlValue[] {
  const wanted = parameters.length;
  if (values.length === wanted) return values;
  const taken = `the statement takes ${wanted}, ${values.length} given: ${sql}`;
  if (values.length > wanted)
    throw new TypeError(`parameter ${wanted + 1} is superfluous; ${taken}`);
  const missing = values.length + 1;
  const name = parameters[missing - 1];
  throw new TypeError(`parameter ${missing}${name ? ` (${name})` : ""} is missing; ${taken}`);
}

function byName(
  { sql, parameters }: Parameterised,
  values: Readonly<Record<string, SqlValue>>,
): readonly SqlValue[] {
  const keys = new Set(Object.keys(values));
  const unused = new Set(keys);
  const ordered = parameters.map((name, index) => {
    if (name === undefined) {
      throw new TypeError(`parameter ${index + 1} has no name; give an array of values: ${sql}`);
    }
    const key = name.slice(1);
    if (!keys.has(key)) throw new TypeError(`parameter ${name} is missing: ${sql}`);
    unused.delete(key);
    return values[key] ?? null;
  });
  for (const key of unused) {
    throw new TypeError(`parameter ${key} is superfluous; the statement has no such name: ${sql}`);
  }
  return ordered;
}
