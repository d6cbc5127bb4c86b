// Which build of SQLite runs: found out by running something, not by names of runtimes.

import { StorageError } from "../errors.ts";
import type { EngineKind } from "../types.ts";

/** A module without anything in it: its magic number and its version. */
const EMPTY_MODULE = Uint8Array.of(0x00, 0x61, 0x73, 0x6d, 0x01, 0x00, 0x00, 0x00);

/**
 * WebAssembly is there and may be used: lockdown modes take it away, and a Content Security Policy
 * without `wasm-unsafe-eval` forbids to compile anything, or in WebKit to instantiate it.
 */
export async function canRunWebAssembly(): Promise<boolean> {
  if (typeof WebAssembly === "undefined") return false;
  try {
    await WebAssembly.instantiate(EMPTY_MODULE);
    return true;
  } catch {
    return false;
  }
}

/** The engine that was asked for; else the official build where it can run, and sql.js where not. */
export async function chooseEngine(asked: EngineKind | "auto"): Promise<EngineKind> {
  if (asked === "sql.js") return asked;
  if (await canRunWebAssembly()) return "sqlite-wasm";
  if (asked === "auto") return "sql.js";
  throw new StorageError(
    "unsupported",
    'engine "sqlite-wasm" needs WebAssembly, which is missing here or forbidden by the Content Security Policy; allow "wasm-unsafe-eval", or use engine "sql.js"',
  );
}

/** What a pool has to know of its engine. */
export interface EngineTraits {
  readonly engine: EngineKind;
  /** How many connections a pool may have open with it. */
  readonly mostConnections: number;
  /** What it is compiled with. */
  readonly fts5: boolean;
  readonly dbpage: boolean;
}

const TRAITS: Readonly<Record<EngineKind, Omit<EngineTraits, "engine">>> = {
  "sqlite-wasm": { mostConnections: Number.POSITIVE_INFINITY, fts5: true, dbpage: true },
  "sql.js": { mostConnections: 1, fts5: false, dbpage: false },
};

export function traitsOf(engine: EngineKind): EngineTraits {
  return { engine, ...TRAITS[engine] };
}
