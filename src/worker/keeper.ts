// For storages that keep what is written only later: a request that has changed files is answered when its
// changes are kept, and with an error when that fails. Nothing else runs in the thread meanwhile,
// so nobody ever sees a commit that is not kept.

import type { Engine } from "../engine/engine.ts";
import type { Storage } from "../storage/storage.ts";
import type { Synchronous } from "../types.ts";

/** Who has connections of an instance. */
export interface ConnectionOwner {
  /**
   * Closes connections whose picture of the database is of files that are about to be set back: all of
   * them, or `connection` and those within a write transaction.
   */
  lose(which: "all" | "writers", connection: number | undefined, why: Error): void;
}

/** The request that has changed something. */
export interface Change {
  readonly owner: ConnectionOwner;
  readonly connection: number | undefined;
  readonly synchronous: Synchronous;
}

/** Keeps the changes of one instance. */
export class Keeper {
  readonly #storage: Storage;
  readonly #engine: Engine;
  readonly #owners = new Set<ConnectionOwner>();

  constructor(storage: Storage, engine: Engine) {
    this.#storage = storage;
    this.#engine = engine;
  }

  join(owner: ConnectionOwner): void {
    this.#owners.add(owner);
  }

  leave(owner: ConnectionOwner): void {
    this.#owners.delete(owner);
  }

  /** Raised by each change that has to be kept. */
  get changes(): number {
    return this.#storage.writeBack?.changes ?? 0;
  }

  /**
   * Keeps what was changed. When that fails, the files go back to what is kept, as if the thread had died
   * in the middle of the commit: connections that know of it are lost, and all others go on.
   * @throws StorageFault
   */
  async keep(change: Change): Promise<void> {
    const { writeBack } = this.#storage;
    if (writeBack === undefined) return;
    try {
      // As SQLite itself means it: with less than "full", a power cut may undo the latest commits.
      await writeBack.flush(change.synchronous === "full" || change.synchronous === "extra");
    } catch (thrown) {
      const which = writeBack.canRevert ? "writers" : "all";
      // While no file can be used: what SQLite does to tidy up must not reach them.
      try {
        for (const owner of this.#owners) {
          const writer = owner === change.owner ? change.connection : undefined;
          owner.lose(which, writer, thrown as Error);
        }
      } finally {
        writeBack.revert();
        this.#engine.forgetFiles();
      }
      throw thrown;
    }
  }
}
