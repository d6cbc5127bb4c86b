// What a pool does when a commit has changed tables: its watches read again, its listeners are told.

import type { Tables } from "../types.ts";
import type { Lending } from "./lending.ts";
import { checkQueryOptions, type QueryOptions } from "./options.ts";
import type { PoolContext } from "./pool-context.ts";
import { type Sql, type Statement, statementNow } from "./sql.ts";
import { type Reading, Watch } from "./watch.ts";

const SCHEMA_TABLE = "sqlite_schema";
const TABLE_NAMES = `SELECT name FROM ${SCHEMA_TABLE} WHERE type = 'table' AND name NOT LIKE 'sqlite@_%' ESCAPE '@'`;

/** Hears of the commits to one pool's database. */
export class Changes {
  readonly #context: PoolContext;
  readonly #lending: Lending;
  readonly #watches = new Set<Pick<Watch<unknown>, "heard" | "end">>();
  readonly #stopListening: () => void;

  constructor(context: PoolContext, lending: Lending) {
    this.#context = context;
    this.#lending = lending;
    this.#stopListening = context.backend.onChange((tables) => this.#heard(tables));
  }

  watch<T>(
    sql: Sql,
    params: object | undefined,
    options: QueryOptions | undefined,
  ): AsyncIterableIterator<T[]> {
    const checked = statementNow(sql, params);
    const watch = new Watch<T>({
      read: async (signal, isFirst) => this.#read<T>(checked(), { ...options, signal }, isFirst),
      signal: options?.signal,
      onStart: () => {
        if (options !== undefined) checkQueryOptions(options);
        this.#watches.add(watch);
      },
      onEnd: () => this.#watches.delete(watch),
    });
    return watch;
  }

  /** Ends every watch. */
  endWatches(): void {
    for (const watch of this.#watches) watch.end();
  }

  stop(): void {
    this.#stopListening();
  }

  /**
   * A reading after the first one waits for a connection for as long as it takes: a pool that is busy
   * or suspended delays a watch, and does not end it.
   */
  async #read<T>(
    statement: Statement,
    options: QueryOptions & { readonly signal: AbortSignal },
    isFirst: boolean,
  ): Promise<Reading<T>> {
    const { signal } = options;
    const { acquireTimeout } = this.#context.options;
    const timeout = isFirst ? acquireTimeout : Number.POSITIVE_INFINITY;
    const db = await this.#lending.acquire({ signal, timeout }, true);
    try {
      const { rows, tables } = await db.readForWatch(statement, options);
      return { rows: rows as T[], tables };
    } finally {
      await this.#lending.giveBack(db);
    }
  }

  #heard(tables: Tables): void {
    for (const watch of this.#watches) watch.heard(tables);
    const { events } = this.#context;
    if (!events.has("change")) return;
    if (tables === "any") void this.#tellOfAll();
    else if (tables.length > 0) events.emit("change", { tables: [...tables] });
  }

  /** Nobody knows what a thread that died has changed: it may be any table. */
  async #tellOfAll(): Promise<void> {
    try {
      const db = await this.#lending.acquire(undefined, true);
      try {
        const rows = await db.query<{ name: string }>(TABLE_NAMES);
        const tables = rows.map(({ name }) => name);
        this.#context.events.emit("change", { tables: [SCHEMA_TABLE, ...tables] });
      } finally {
        await this.#lending.giveBack(db);
      }
    } catch {
      // The pool is closing, or the database is out of reach: whoever uses it next hears of that.
    }
  }
}
