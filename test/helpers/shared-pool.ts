import type { ConnectionPool } from "sqlite-wasm-pool";

/** One pool for many tests, because starting a worker takes most of a test's time. */
export class SharedPool {
  readonly #pool: ConnectionPool;
  /** The database as it is before the first test that uses the pool: with nothing in it. */
  #nothing: Uint8Array | undefined;
  #isUsed = false;

  /** Shares `pool`, whose database has nothing in it yet. */
  constructor(pool: ConnectionPool) {
    this.#pool = pool;
  }

  /** The pool, with an empty database. The test must neither close it nor leave it at work. */
  async use(): Promise<ConnectionPool> {
    this.#isUsed = true;
    this.#nothing ??= await this.#pool.export();
    return this.#pool;
  }

  /** Has the database empty again for the next test. */
  async empty(): Promise<void> {
    if (!this.#isUsed || this.#nothing === undefined) return;
    this.#isUsed = false;
    const { active, waiting } = this.#pool.stats();
    if (active + waiting > 0)
      throw new Error(`the pool is left with ${active} lent, ${waiting} waiting`);
    await this.#pool.import(this.#nothing);
  }
}
