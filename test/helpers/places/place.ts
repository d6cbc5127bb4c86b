// What a platform tells the suites of `test/pool` about itself. Node has `node.ts`; the bundles for other
// platforms take their own file instead of it.

import type { PoolOptions } from "sqlite-wasm-pool";

/** A place that a pool can live in. */
export interface Kind {
  readonly name: string;
  readonly storage: "file" | "opfs" | "indexeddb" | "memory";
  readonly options: PoolOptions;
  /** As in lockdown modes. */
  readonly withoutWebAssembly?: boolean;
  /** What is new in it beside other places, only suites that depend on the place can tell. */
  readonly isVariant?: boolean;
}

/** Another SQLite with a copy of a database, to judge what this one wrote. */
export interface Judge {
  /** The first column of the first row. */
  value(sql: string): unknown;
  execute(sql: string): void;
  export(): Uint8Array;
  close(): void;
}

/**
 * A copy of a database in WAL mode whose log is empty, in rollback mode: a database in memory has no log.
 * The header's format versions say which it is (https://sqlite.org/fileformat2.html#file_format_version_numbers).
 */
export function inRollbackMode(bytes: Uint8Array): Uint8Array {
  const copy = bytes.slice();
  copy.fill(1, 18, 20);
  return copy;
}
