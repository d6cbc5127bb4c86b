// What a pool tells of itself while it runs.

import type { OwnerChange } from "../types.ts";

/**
 * The events of a pool by name. Plain data; times in milliseconds, `connection` is the `id` of one. Listeners
 * are called synchronously, while the pool waits: keep them quick.
 */
export interface PoolEvents {
  /** A connection was lent, be it for one call. */
  acquire: {
    readonly connection: number;
    /** What its borrower has waited, for the turn to write included; 0 where one was idle. */
    readonly waitMs: number;
  };
  /** A connection came back. */
  release: {
    readonly connection: number;
    /** How long it was out. */
    readonly heldMs: number;
  };
  /** A connection was opened. */
  create: {
    readonly connection: number;
    /** What that took, `onConnect` and the start of a thread included. */
    readonly durationMs: number;
  };
  /** A connection has left the pool. */
  close: {
    readonly connection: number;
    /**
     * `"idle"`: after `idleTimeout`; `"evicted"`: by `evictIdle`; `"resized"`: there were more than
     * `maxConnections`; `"closed"`: the pool closes, or is suspended; else that of `replace`.
     */
    readonly reason: string;
  };
  /** Somebody has to wait for a connection, or for the turn to write. */
  wait: {
    /** How many wait now, this one included. */
    readonly waiting: number;
  };
  /** A wait for a connection, or for the turn to write, has ended in an `AcquireTimeoutError`. */
  timeout: { readonly waitedMs: number };
  /** A connection has been out for longer than `leakThreshold`. Told once for each time it is lent. */
  leak: {
    readonly connection: number;
    readonly heldMs: number;
    /** Where it was acquired. */
    readonly stack: string;
    /** The statement it runs now, if it runs one. */
    readonly sql: string | undefined;
  };
  /** A connection was not fit to be lent again, and is closed; another one is opened when it is needed. */
  replace: {
    readonly connection: number;
    /** `"maxLifetime"`, or the message of the error it broke of. */
    readonly reason: string;
  };
  /**
   * A request to SQLite has ended, for better or worse: a statement, a whole `executeMany` or `batch`, each
   * chunk of `iterate`. The library's own statements are among them, such as `BEGIN` and `COMMIT`, and those
   * of an export.
   */
  query: {
    readonly connection: number;
    /** Its text; of a batch the statements, joined by `"; "`. */
    readonly sql: string;
    /** From the call to its answer. */
    readonly durationMs: number;
    /**
     * Of it, what passed before the thread began: the way there, waits for locks and for other
     * connections of the thread. Undefined for a statement that failed.
     */
    readonly queuedMs?: number | undefined;
    /** Of it, what the thread worked. What is left is the way back. Undefined as `queuedMs` is. */
    readonly ranMs?: number | undefined;
    /** Rows that came with the answer; 0 for a request that failed. */
    readonly rows: number;
    /** What it failed with. */
    readonly error?: Error;
  };
  /**
   * A commit changed these tables, whichever connection or pool made it; told before the commit's own
   * call resolves. Tables may be named that were left as they are, such as that of a trigger that did
   * not fire. A change of the schema is one of `sqlite_schema`.
   */
  change: { readonly tables: readonly string[] };
  /** A transaction was left open at release, and has been rolled back. */
  dirty: {
    readonly connection: number;
    /** The latest statement of the connection. */
    readonly sql: string | undefined;
  };
  /** Another tab or worker runs SQLite from now on, or this one does. */
  owner: OwnerChange;
}

const NAMES: readonly string[] =
  "acquire release create close wait timeout leak replace query change dirty owner".split(" ");

/** Listeners by the name of their event. One that throws does not keep the others from hearing. */
export class Emitter<Events extends object> {
  readonly #listeners = new Map<string, Set<(event: never) => void>>();

  /** @throws TypeError for a name no event has */
  on<Name extends keyof Events & string>(
    name: Name,
    listener: (event: Events[Name]) => void,
  ): () => void {
    if (!NAMES.includes(name)) {
      throw new TypeError(`there is no event "${name}"; there are ${NAMES.join(", ")}`);
    }
    if (typeof listener !== "function") throw new TypeError("a listener is a function");
    // A listener given twice hears twice, and each ends on its own.
    const own = (event: Events[Name]) => listener(event);
    let listeners = this.#listeners.get(name);
    if (listeners === undefined) {
      listeners = new Set();
      this.#listeners.set(name, listeners);
    }
    listeners.add(own);
    return () => void listeners.delete(own);
  }

  has(name: keyof Events & string): boolean {
    return (this.#listeners.get(name)?.size ?? 0) > 0;
  }

  emit<Name extends keyof Events & string>(name: Name, event: Events[Name]): void {
    const listeners = this.#listeners.get(name);
    if (listeners === undefined) return;
    for (const listener of [...listeners]) {
      try {
        (listener as (event: Events[Name]) => void)(event);
      } catch (thrown) {
        // Reported as an uncaught error, outside of the pool's own work.
        queueMicrotask(() => {
          throw thrown;
        });
      }
    }
  }
}
