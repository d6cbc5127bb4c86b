// Every suite of `test/pool` runs in the places that a pool can live in here.

import {
  type Capabilities,
  type ConnectionPool,
  openPool,
  type PoolOptions,
} from "sqlite-wasm-pool";
import { afterAll, afterEach, beforeAll, beforeEach, describe } from "vitest";
import { byMatrix } from "../harness/matrix.ts";
import { KINDS, temporaryName, useDirectory } from "./places/node.ts";
import type { Kind } from "./places/place.ts";
import { SharedPool } from "./shared-pool.ts";

export { openJudge, readFile, useDirectory } from "./places/node.ts";
export { gate, rejection } from "./promises.ts";

/** What a suite is given in each place. */
export interface Place {
  readonly threads: number;
  readonly storage: Kind["storage"];
  readonly memory: boolean;
  /** What its pools say they have: tests of anything else are skipped, and by nothing but this. */
  readonly capabilities: Capabilities;
  /** Opens a pool on the test's own database, or on the one of that name; closed after the test. */
  open(options?: PoolOptions, name?: string): Promise<ConnectionPool>;
  /** A pool that is empty, for tests that need none of their own. */
  shared(): Promise<ConnectionPool>;
  /** A path in a new directory, deleted at the end. */
  path(name: string): string;
}

const WebAssembly = globalThis.WebAssembly;

/** Puts a kind's surroundings in place, or the usual ones for undefined. */
function enter(kind: Kind | undefined): void {
  if (kind?.withoutWebAssembly) Reflect.deleteProperty(globalThis, "WebAssembly");
  else Object.assign(globalThis, { WebAssembly });
}

async function openIn(kind: Kind): Promise<ConnectionPool> {
  enter(kind);
  try {
    const path = kind.storage === "memory" ? ":memory:" : temporaryName();
    return await openPool(path, { name: "test", ...kind.options });
  } finally {
    enter(undefined);
  }
}

/** Runs a suite that depends on the place. */
export function inEveryPlace(suite: (place: Place) => void): Promise<void> {
  return inPlaces(KINDS, suite);
}

/** Runs a suite for which one place stands for another. */
export function inUsualPlaces(suite: (place: Place) => void): Promise<void> {
  const usual = KINDS.filter(({ isVariant }) => !isVariant);
  return inPlaces(byMatrix(usual, KINDS), suite);
}

async function inPlaces(kinds: readonly Kind[], suite: (place: Place) => void): Promise<void> {
  for (const kind of kinds) {
    const { name, storage, options } = kind;
    const pool = await openIn(kind);
    const shared = new SharedPool(pool);
    describe(name, () => {
      beforeAll(() => enter(kind));
      afterAll(async () => {
        await pool.deleteDatabase();
        enter(undefined);
      });
      const directory = useDirectory();
      const pools: ConnectionPool[] = [];
      let count = 0;
      beforeEach(() => {
        count++;
      });
      afterEach(async () => {
        await shared.empty();
        await Promise.all(pools.splice(0).map((pool) => pool.close({ timeout: 0 })));
      });
      suite({
        threads: Number(options.threads),
        storage,
        memory: storage === "memory",
        capabilities: pool.capabilities,
        async open(more, name = "own") {
          const path = storage === "memory" ? ":memory:" : directory(`${count}-${name}.db`);
          const pool = await openPool(path, { name: "test", ...options, ...more });
          pools.push(pool);
          return pool;
        },
        shared: () => shared.use(),
        path: directory,
      });
    });
  }
}
