// What the address says: which view, which database, opened how, and the SQL in the editor. All of it is
// in the part behind the `#`, which never leaves the browser.

import { signal } from "@preact/signals";

export const VIEWS = ["console", "pool", "load", "storage", "health"] as const;
export type View = (typeof VIEWS)[number];

/** The choices of someone who opens a pool, as the address keeps them. */
export interface PoolSettings {
  readonly database: string;
  readonly maxConnections: number;
  readonly threads: number | "auto";
  readonly storage: "auto" | "opfs" | "indexeddb" | "memory";
  readonly synchronous: "full" | "normal" | "off";
  readonly acquireTimeout: number;
  readonly maxWaiters: number;
  readonly idleTimeout: number;
  readonly leakThreshold: number;
}

export const DEFAULTS: PoolSettings = {
  database: "playground.db",
  maxConnections: 5,
  threads: "auto",
  storage: "auto",
  synchronous: "full",
  acquireTimeout: 30_000,
  maxWaiters: Number.POSITIVE_INFINITY,
  idleTimeout: 60_000,
  leakThreshold: 2_000,
};

/** Everything the address says. */
export interface Address {
  readonly view: View;
  readonly settings: PoolSettings;
  readonly sql: string | undefined;
}

/** An address longer than this is cut off by some programs it is pasted into. */
const MOST_SQL_LENGTH = 6_000;

/** The same pool would be opened. */
export function isSamePool(a: PoolSettings, b: PoolSettings): boolean {
  return (Object.keys(DEFAULTS) as (keyof PoolSettings)[]).every((key) => a[key] === b[key]);
}

/** Reads an address. What is missing or makes no sense has its default. */
export function readAddress(hash: string): Address {
  const [name = "", query = ""] = hash.replace(/^#/, "").split(/\?(.*)/s);
  const params = new URLSearchParams(query);
  const text = (key: string) => params.get(key) ?? undefined;
  const count = (key: string, least: number, otherwise: number) => {
    if (text(key) === "none") return Number.POSITIVE_INFINITY;
    const value = Number(text(key) ?? Number.NaN);
    return Number.isInteger(value) && value >= least ? value : otherwise;
  };
  const threads = count("threads", 0, -1);
  return {
    view: VIEWS.find((view) => view === name) ?? "console",
    sql: text("sql"),
    settings: {
      database: text("db") || DEFAULTS.database,
      maxConnections: Math.min(count("max", 1, DEFAULTS.maxConnections), 64),
      threads: threads < 0 ? "auto" : threads,
      storage: oneOf(["auto", "opfs", "indexeddb", "memory"], text("storage")),
      synchronous: oneOf(["full", "normal", "off"], text("sync")),
      acquireTimeout: count("timeout", 0, DEFAULTS.acquireTimeout),
      maxWaiters: count("waiters", 0, DEFAULTS.maxWaiters),
      idleTimeout: count("idle", 0, DEFAULTS.idleTimeout),
      leakThreshold: count("leak", 0, DEFAULTS.leakThreshold),
    },
  };
}

/** Writes an address; what has its default is left out. */
export function writeAddress({ view, settings, sql }: Address): string {
  const params = new URLSearchParams();
  const put = <T>(key: string, value: T, usual: T) => {
    if (value !== usual) params.set(key, value === Number.POSITIVE_INFINITY ? "none" : `${value}`);
  };
  put("db", settings.database, DEFAULTS.database);
  put("max", settings.maxConnections, DEFAULTS.maxConnections);
  put("threads", settings.threads, DEFAULTS.threads);
  put("storage", settings.storage, DEFAULTS.storage);
  put("sync", settings.synchronous, DEFAULTS.synchronous);
  put("timeout", settings.acquireTimeout, DEFAULTS.acquireTimeout);
  put("waiters", settings.maxWaiters, DEFAULTS.maxWaiters);
  put("idle", settings.idleTimeout, DEFAULTS.idleTimeout);
  put("leak", settings.leakThreshold, DEFAULTS.leakThreshold);
  if (sql !== undefined && sql.length <= MOST_SQL_LENGTH) params.set("sql", sql);
  const query = params.toString();
  return `#${view}${query === "" ? "" : `?${query}`}`;
}

function oneOf<T extends string>(allowed: readonly [T, ...T[]], value: string | undefined): T {
  return allowed.find((each) => each === value) ?? allowed[0];
}

/** The address as it is now. */
export const address = signal<Address>(readAddress(""));

/** Follows the address bar; the page calls it once. */
export function followAddressBar(): void {
  const read = () => {
    address.value = readAddress(location.hash);
  };
  read();
  addEventListener("hashchange", read);
}

/** Changes parts of the address, without a step in the browser's history. */
export function amendAddress(change: Partial<Address>): void {
  address.value = { ...address.peek(), ...change };
  history.replaceState(history.state, "", writeAddress(address.peek()));
}
