// The places a pool can live in here. Every suite of `test/pool` runs in each of them.

import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type ConnectionPool, openPool, type PoolOptions } from "sqlite-wasm-pool";
import { afterAll, afterEach, beforeEach, describe } from "vitest";

interface Kind {
  readonly name: string;
  readonly memory: boolean;
  readonly options: PoolOptions;
}

const KINDS: readonly Kind[] = [
  { name: "a file, two worker threads", memory: false, options: { threads: 2 } },
  { name: "a file, the calling thread", memory: false, options: { threads: 0 } },
  { name: "memory, two worker threads", memory: true, options: { threads: 2 } },
  { name: "memory, the calling thread", memory: true, options: { threads: 0 } },
];

/** What a suite is given in each place. */
export interface Place {
  readonly threads: number;
  readonly memory: boolean;
  /** Opens a pool on a new database, closed after the test. */
  open(options?: PoolOptions): Promise<ConnectionPool>;
  /** A path in a new directory, deleted at the end. */
  path(name: string): string;
}

/** Runs `suite` in every place. */
export function inEveryPlace(suite: (place: Place) => void): void {
  for (const { name, memory, options } of KINDS) {
    describe(name, () => {
      const directory = useDirectory();
      const pools: ConnectionPool[] = [];
      let count = 0;
      beforeEach(() => {
        count++;
      });
      afterEach(async () => {
        await Promise.all(pools.splice(0).map((pool) => pool.close({ timeout: 0 })));
      });
      suite({
        threads: Number(options.threads),
        memory,
        async open(more) {
          const path = memory ? ":memory:" : directory(`${count}.db`);
          const pool = await openPool(path, { name: "test", ...options, ...more });
          pools.push(pool);
          return pool;
        },
        path: directory,
      });
    });
  }
}

/** Makes a directory that is deleted after the tests, and returns the paths in it. */
export function useDirectory(): (name: string) => string {
  const directory = mkdtempSync(join(tmpdir(), "sqlite-wasm-pool-"));
  afterAll(() => rmSync(directory, { recursive: true, force: true }));
  return (name) => join(directory, name);
}

/** What `promise` rejects with. */
export async function rejection(promise: Promise<unknown>): Promise<Error & { code?: string }> {
  try {
    await promise;
  } catch (thrown) {
    return thrown as Error & { code?: string };
  }
  throw new Error("expected a rejection");
}

/** A promise and the function that settles it. */
export function gate<T = void>(): { promise: Promise<T>; open: (value: T) => void } {
  let open: (value: T) => void = () => {};
  const promise = new Promise<T>((resolve) => {
    open = resolve;
  });
  return { promise, open };
}
