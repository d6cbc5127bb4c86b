import type { ConnectionPool } from "sqlite-wasm-pool";

/** One pool for many tests, because starting a worker takes most of a test's time. */
export class SharedPool {
  readonly #pool: ConnectionPool;
  readonly #empty: Uint8Array;
  #isUsed = false;

  private constructor(pool: ConnectionPool, empty: Uint8Array) {
    this.#pool = pool;
    this.#empty = empty;
  }

  /** Shares `pool`, whose database has nothing in it yet. */
  static async of(pool: ConnectionPool): Promise<SharedPool> {
    return new SharedPool(pool, await pool.export());
  }

  /** The pool, with an empty database. The test must neither close it nor leave it at work. */
  use(): ConnectionPool {
    this.#isUsed = true;
    return this.#pool;
  }

  /** Has the database empty again for the next test. */
  async empty(): Promise<void> {
    if (!this.#isUsed) return;
    this.#isUsed = false;
    const { active, waiting } = this.#pool.stats();
    if (active + waiting > 0)
      throw new Error(`the pool is left with ${active} lent, ${waiting} waiting`);
    await this.#pool.import(this.#empty);
  }

  async delete(): Promise<void> {
    await this.#pool.deleteDatabase();
  }
}
