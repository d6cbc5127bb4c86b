// What a transaction, and a savepoint inside of one, is begun and ended with: by the pool around a callback or
// a long `executeMany`, and by the thread around a batch.

/** Statements that bracket others, so that all of them take effect or none does. */
export interface Bracket {
  readonly begin: string;
  readonly keep: string;
  /** In this order, for as long as a transaction is open: SQLite may have rolled back by itself. */
  readonly undo: readonly string[];
}

/** See https://sqlite.org/lang_transaction.html */
export function transaction(mode: "DEFERRED" | "IMMEDIATE" | "EXCLUSIVE"): Bracket {
  return { begin: `BEGIN ${mode}`, keep: "COMMIT", undo: ["ROLLBACK"] };
}

/** See https://sqlite.org/lang_savepoint.html: ROLLBACK TO leaves the savepoint open, so RELEASE follows. */
export function savepoint(name: string): Bracket {
  return {
    begin: `SAVEPOINT ${name}`,
    keep: `RELEASE ${name}`,
    undo: [`ROLLBACK TO ${name}`, `RELEASE ${name}`],
  };
}
