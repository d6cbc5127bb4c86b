// What a pool tells of itself while it runs.

/** A change of the tab that runs SQLite. */
export interface OwnerChange {
  /** `"owner"`: this one runs it from now on. */
  readonly role: "owner" | "client";
  /** Milliseconds in which nobody did. */
  readonly tookMs: number;
}

/** The events of a pool by name. Plain data; times in milliseconds. */
export interface PoolEvents {
  acquire: { readonly connection: number; readonly waitMs: number };
  release: { readonly connection: number; readonly heldMs: number };
  create: { readonly connection: number; readonly durationMs: number };
  close: { readonly connection: number; readonly reason: string };
  /** Somebody has to wait for a connection. */
  wait: { readonly waiting: number };
  timeout: { readonly waitedMs: number };
  /** A connection has been out for longer than `leakThreshold`. */
  leak: {
    readonly connection: number;
    readonly heldMs: number;
    /** Where it was acquired. */
    readonly stack: string;
    readonly sql: string | undefined;
  };
  /** A connection was not fit to be lent again. */
  replace: { readonly connection: number; readonly reason: string };
  query: {
    readonly connection: number;
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
    readonly rows: number;
    readonly error?: Error;
  };
  /**
   * A commit changed these tables, whichever connection or pool made it; told before the commit's own
   * call resolves. Tables may be named that were left as they are, such as that of a trigger that did
   * not fire. A change of the schema is one of `sqlite_schema`.
   */
  change: { readonly tables: readonly string[] };
  /** A transaction was left open at release, and has been rolled back. */
  dirty: { readonly connection: number; readonly sql: string | undefined };
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
