// What programs write, and what the compiler is to refuse. Compiled by `packaging.test.ts` as a user's program
// would be; never run.

import {
  AcquireTimeoutError,
  type BatchStatement,
  type BindParams,
  BusyError,
  type Bytes,
  type Connection,
  type ConnectionPool,
  type CrashDetails,
  type HealthAnswer,
  type HealthCheck,
  HealthMonitor,
  healthHandler,
  type PoolErrorCode,
  poolHealthCheck,
  type QueryOptions,
  type Row,
  type SqliteErrorDetails,
  type SqlValue,
  StorageError,
  sql,
} from "sqlite-wasm-pool";

interface User {
  id: number;
  name: string;
}

interface Photo {
  readonly owner: bigint;
  readonly data: Uint8Array;
}

interface Draft {
  id?: number;
  written: Date;
}

declare const pool: ConnectionPool;
declare const db: Connection;
declare const user: User;
declare const users: readonly User[];
declare const photo: Photo;
declare const draft: Draft;
declare const options: QueryOptions;
declare const maybeSignal: AbortSignal | undefined;

/** The two are the same, but for what tells a borrower of itself. */
type Runner = Pick<
  Connection & ConnectionPool,
  "query" | "queryFirst" | "queryValue" | "execute" | "executeMany" | "batch" | "iterate"
>;

export const runners: Runner[] = [pool, db];

export async function parametersOfAnInterface(): Promise<void> {
  await pool.execute("INSERT INTO users VALUES (:id, :name)", user);
  await db.execute("INSERT INTO users VALUES (:id, :name)", user);
  await pool.executeMany("INSERT INTO users VALUES (:id, :name)", users);
  await db.executeMany("INSERT INTO users VALUES (:id, :name)", [user, { id: 1, name: "b" }]);
  await pool.batch([
    { sql: "DELETE FROM users" },
    { sql: "INSERT INTO users VALUES (:id, :name)", params: user },
    { sql: "INSERT INTO photos VALUES (:owner, :data)", params: photo },
    { sql: "INSERT INTO users VALUES (?, ?)", params: [1, "a"] },
    { sql: "INSERT INTO users VALUES (:id, 'c')", params: { id: 3 } },
    { sql: sql`DELETE FROM users WHERE id = ${user.id}` },
  ]);
  await db.batch(users.map((params) => ({ sql: "INSERT INTO users VALUES (:id, :name)", params })));
  const row: Row | undefined = await pool.queryFirst("SELECT * FROM users WHERE id = :id", user);
  const id: SqlValue | undefined = await db.queryValue("SELECT :id, :name", user);
  for await (const { name } of pool.iterate("SELECT :id, :name", user)) String(name);
  for await (const rows of pool.watch("SELECT :id, :name", user)) rows.at(0)?.name;
  // One type argument is that of the row, as ever.
  const found: User[] = await pool.query<User>("SELECT * FROM users WHERE id = :id", { id: 1 });
  const spread: User[] = await pool.query<User>("SELECT * FROM users WHERE id = :id", { ...user });
  const both: User[] = await pool.query<User, User>("SELECT * FROM users WHERE id = :id", user);
  String([row, id, found, spread, both]);
}

export async function parametersAsEver(
  given: BindParams | undefined,
  batch: BatchStatement[],
): Promise<void> {
  await pool.execute("SELECT 1");
  await pool.execute("SELECT 1", given, options);
  await pool.execute("SELECT ?, ?, ?", [1n, null, new Uint8Array(1)]);
  await pool.execute("SELECT :a, :b", { a: true, b: new ArrayBuffer(1) });
  await pool.executeMany("INSERT INTO t VALUES (?, ?)", [
    [1, "a"],
    [2, null],
  ]);
  const results = await pool.batch<User>(batch);
  const names: string[] = results.flatMap(({ rows }) => rows.map(({ name }) => name));
  String(names);
}

export function wrappers() {
  return {
    query: <T>(text: string, params?: BindParams) => pool.query<T>(text, params, options),
    run: <P extends BindParams>(text: string, params: P) => pool.execute(text, params),
    pass: (...given: Parameters<ConnectionPool["execute"]>) => pool.execute(...given),
  };
}

export async function refusedParameters(): Promise<void> {
  // @ts-expect-error: a Date is no value
  await pool.execute("SELECT :a", { a: new Date() });
  // @ts-expect-error: nor is a function
  await pool.execute("SELECT :a", { a: () => 1 });
  // @ts-expect-error: nor a Symbol
  await pool.execute("SELECT :a", { a: Symbol("a") });
  // @ts-expect-error: nor what is missing
  await pool.execute("SELECT :a", { a: undefined });
  // @ts-expect-error: nor an object
  await pool.execute("SELECT ?", [{ a: 1 }]);
  // @ts-expect-error: of an interface, too
  await pool.execute("SELECT :id, :written", draft);
  // @ts-expect-error
  await pool.executeMany("SELECT :id, :written", [draft]);
  // @ts-expect-error
  await pool.batch([{ sql: "SELECT :id, :written", params: draft }]);
  // @ts-expect-error
  await pool.query("SELECT :a", { a: new Date() });
  // @ts-expect-error
  await pool.query<User>("SELECT :a", { a: new Date() });
  // @ts-expect-error
  await db.query("SELECT :a", { a: () => 1 }, { rowMode: "array" });
  // @ts-expect-error: parameters are no text
  await pool.execute("SELECT ?", "a");
  // @ts-expect-error: nor a function
  await pool.execute("SELECT ?", () => 1);
  // @ts-expect-error: nor a Map
  await pool.execute("SELECT ?", new Map([["a", 1]]));
  // @ts-expect-error: statements have no such property
  await pool.batch([{ sql: "SELECT ?", parms: [1] }]);
  // @ts-expect-error: the row's type is given, and that of the parameters is not
  await pool.query<User>("SELECT :id, :name", user);
}

export async function rowsAsArrays(): Promise<void> {
  for (const runner of runners) {
    const [[one] = []] = await runner.query("SELECT 1", [], { rowMode: "array" });
    const value: SqlValue | undefined = one;
    const first = await runner.queryFirst("SELECT 1", user, { rowMode: "array" });
    const cells: SqlValue[] | undefined = first;
    for await (const [cell] of runner.iterate("SELECT 1", [], { rowMode: "array" })) String(cell);
    const given: [number][] = await runner.query<[number]>("SELECT 1", [], { rowMode: "array" });
    const rows: Row[] = await runner.query("SELECT 1", [], options);
    String([value, cells, given, rows]);
  }
  for await (const [[cell] = []] of pool.watch("SELECT 1", [], { rowMode: "array" })) String(cell);
  for await (const [row] of pool.watch("SELECT 1", [], options)) String(row?.a);
}

export async function bytes(): Promise<unknown[]> {
  const copy: Bytes = await pool.export({ signal: maybeSignal });
  const reader = pool.exportStream({ signal: maybeSignal }).getReader();
  const { value: chunk = new Uint8Array() } = await reader.read();
  const column: SqlValue | undefined = await pool.queryValue("SELECT data FROM photos");
  const blob = column instanceof Uint8Array ? new Blob([column]) : undefined;
  // What goes in may be any view of bytes.
  const view: Uint8Array = copy;
  await pool.import(view, { signal: maybeSignal });
  await pool.execute("INSERT INTO photos VALUES (1, ?)", [view]);
  return [new Blob([copy]), new Response(copy), new Blob([chunk]), blob];
}

export function sameIterators() {
  let rows = pool.iterate<User>("SELECT * FROM users");
  rows = db.iterate<User>("SELECT * FROM users");
  return rows.return();
}

export function codes(error: unknown) {
  if (error instanceof AcquireTimeoutError) return error.code satisfies "ACQUIRE_TIMEOUT";
  if (error instanceof BusyError) return error.code satisfies "SQLITE_BUSY";
  if (error instanceof StorageError) {
    const code: PoolErrorCode = error.code satisfies `STORAGE_${string}`;
    // @ts-expect-error: this one is another class's
    return error.code === "POOL_CLOSED" ? undefined : code;
  }
  const details: SqliteErrorDetails = { code: "SQLITE_ERROR", resultCode: 1 };
  const crash: CrashDetails = { retriable: true };
  return [details, crash];
}

export async function health(timeout: number | undefined): Promise<HealthAnswer> {
  const monitor = new HealthMonitor();
  monitor.register("later", async () => "healthy", { timeout });
  monitor.register({ name: "object later", check: async () => ({ status: "healthy" }) });
  // @ts-expect-error: there is no such answer
  monitor.register("wrong at once", () => "healthier");
  // @ts-expect-error
  monitor.register("wrong later", async () => "fine");
  const check: HealthCheck = { name: "later", check: async () => "healthy" };
  monitor.register(check);
  healthHandler(monitor, { path: undefined, degradedStatusCode: timeout });
  return await poolHealthCheck(pool).check();
}
