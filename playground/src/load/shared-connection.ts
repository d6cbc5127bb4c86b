// One connection for everybody, as many programs have it. Reads go to it side by side; a transaction has it
// to itself, or the statements of others would become part of it.

import type { Connection } from "sqlite-wasm-pool";
import type { Statements, Target } from "./work.ts";

export class SharedConnection implements Target {
  readonly #db: Connection;
  #transaction: Promise<unknown> | undefined;
  readonly #reads = new Set<Promise<unknown>>();

  constructor(db: Connection) {
    this.#db = db;
  }

  queryFirst(sql: string, params: readonly number[]) {
    return this.#read(() => this.#db.queryFirst(sql, params));
  }

  query(sql: string) {
    return this.#read(() => this.#db.query(sql));
  }

  async write(body: (db: Statements) => Promise<void>): Promise<void> {
    while (this.#transaction !== undefined) await this.#transaction;
    const done = this.#exclusively(body);
    this.#transaction = done.catch(() => {});
    try {
      await done;
    } finally {
      this.#transaction = undefined;
    }
  }

  async #exclusively(body: (db: Statements) => Promise<void>): Promise<void> {
    await Promise.allSettled(this.#reads);
    await this.#db.transaction(body, { mode: "immediate" });
  }

  async #read<T>(run: () => Promise<T>): Promise<T> {
    while (this.#transaction !== undefined) await this.#transaction;
    const read = run();
    this.#reads.add(read);
    try {
      return await read;
    } finally {
      this.#reads.delete(read);
    }
  }
}
