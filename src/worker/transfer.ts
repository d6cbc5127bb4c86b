// Whole databases in and out of a connection: backup to another file, import from one.

import type { Engine, EngineBackup, EngineConnection } from "../engine/engine.ts";
import { StorageError } from "../errors.ts";
import type { BackupRequest, BackupResult } from "../rpc/protocol.ts";
import { deleteDatabaseFiles } from "../storage/names.ts";
import type { Storage } from "../storage/storage.ts";
import { firstValue } from "./first-value.ts";

const ALL_PAGES = -1;
/** What messages call the file of an import. */
const IMPORTED = "what was to be imported";

/** Where backups are written. */
interface Place {
  readonly engine: Engine;
  readonly storage: Storage;
}

/** One backup under way: its destination stays open, and the source in one read transaction. */
export class BackupJob {
  readonly #source: EngineConnection;
  readonly #destination: EngineConnection;
  readonly #backup: EngineBackup;
  readonly #storage: Storage;
  /** Where the destination is. */
  readonly #path: string;
  /** There was nothing before. */
  readonly #isNew: boolean;
  #isDone = false;
  /** The source had no transaction of its own. */
  readonly #began: boolean;

  /** @throws SqliteError, StorageError */
  constructor({ engine, storage }: Place, source: EngineConnection, destination: string) {
    this.#source = source;
    this.#began = source.autocommit;
    this.#storage = storage;
    this.#path = storage.resolve(destination);
    this.#isNew = !storage.exists(this.#path);
    this.#destination = engine.open(destination, { readonly: false, create: true });
    try {
      // One snapshot for all steps: without it each step would start over after a commit.
      if (this.#began) firstValue(source, "BEGIN");
      firstValue(source, "SELECT count(*) FROM sqlite_schema");
      if (
        firstValue(source, "PRAGMA page_size") !== firstValue(this.#destination, "PRAGMA page_size")
      ) {
        // A log makes the page size fixed. A file without one takes that of the source.
        firstValue(this.#destination, "PRAGMA journal_mode = delete");
      }
      this.#backup = engine.backup(source, this.#destination);
    } catch (thrown) {
      this.#end();
      throw thrown;
    }
  }

  step(pages: number): BackupResult {
    try {
      const done = this.#backup.step(pages);
      const { remainingPages, totalPages } = this.#backup;
      this.#isDone = done;
      if (done) this.cancel();
      return { remainingPages, totalPages, done };
    } catch (thrown) {
      this.cancel();
      throw thrown;
    }
  }

  /** Ends the job; a copy that is not complete leaves the destination as it was. */
  cancel(): void {
    this.#backup.finish();
    this.#end();
  }

  #end(): void {
    this.#destination.close();
    if (this.#isNew && !this.#isDone) deleteDatabaseFiles(this.#storage, this.#path, false);
    if (this.#began && !this.#source.autocommit) firstValue(this.#source, "ROLLBACK");
  }
}

/** Starts or goes on with a backup; returns the job while there is more of it to do. */
export function stepBackup(
  place: Place,
  source: EngineConnection,
  job: BackupJob | undefined,
  request: BackupRequest,
): { result: BackupResult; job: BackupJob | undefined } {
  if (request.step === "cancel") {
    job?.cancel();
    return { result: { remainingPages: 0, totalPages: 0, done: true }, job: undefined };
  }
  const current = job ?? new BackupJob(place, source, request.destination);
  const result = current.step(request.pages);
  return { result, job: result.done ? undefined : current };
}

/**
 * Replaces the content of `target` by that of the file `source`, in one transaction.
 * @throws StorageError (`corrupt`) when the source is no sound database; `target` is unchanged
 */
export function importFile(engine: Engine, target: EngineConnection, source: string): void {
  try {
    copyFrom(engine, source, target);
  } catch (thrown) {
    if (!(thrown instanceof StorageError)) throw thrown;
    // The file is the pool's own: its name says nothing to whoever gave what is in it.
    const message = thrown.message.replace(source, IMPORTED);
    throw new StorageError(thrown.reason, message, { cause: thrown.cause });
  }
}

function copyFrom(engine: Engine, source: string, target: EngineConnection): void {
  const copy = engine.open(source, { readonly: false, create: false });
  try {
    checkIntegrity(copy);
    // A log makes the page size fixed, on both sides.
    firstValue(copy, "PRAGMA journal_mode = delete");
    const pageSize = firstValue(target, "PRAGMA page_size");
    if (firstValue(copy, "PRAGMA page_size") !== pageSize) {
      firstValue(copy, `PRAGMA page_size = ${pageSize}`);
      firstValue(copy, "VACUUM");
    }
    const backup = engine.backup(copy, target);
    try {
      backup.step(ALL_PAGES);
    } finally {
      backup.finish();
    }
  } finally {
    copy.close();
  }
}

function checkIntegrity(connection: EngineConnection): void {
  const verdict = firstValue(connection, "PRAGMA integrity_check");
  if (verdict === "ok") return;
  throw new StorageError("corrupt", `${IMPORTED} is damaged: ${String(verdict)}`);
}
