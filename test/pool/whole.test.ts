import { openPool, StorageError } from "sqlite-wasm-pool";
import { expect, test } from "vitest";
import { FOREVER } from "../helpers/forever.ts";
import { gate, inEveryPlace, openJudge, readFile, rejection } from "../helpers/kinds.ts";

const FILL = `CREATE TABLE t (id INTEGER PRIMARY KEY, a);
  WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 2000)
  INSERT INTO t SELECT i, hex(randomblob(100)) FROM n;`;

/** Firefox and Safari have no asynchronous iteration of streams everywhere. */
async function* streamed(stream: ReadableStream<Uint8Array>): AsyncGenerator<Uint8Array> {
  const reader = stream.getReader();
  for (;;) {
    const { value, done } = await reader.read();
    if (done) return;
    yield value;
  }
}

await inEveryPlace(({ open, threads, storage, memory, path, capabilities }) => {
  const severally = test.runIf(capabilities.severalConnections);

  severally(
    "export() is a consistent copy that any SQLite opens, made beside the writer",
    async () => {
      const pool = await open({ maxConnections: 3 });
      await pool.executeScript(FILL);
      const writer = await pool.acquire();
      await writer.execute("BEGIN IMMEDIATE");
      await writer.execute("DELETE FROM t");
      const bytes = await pool.export();
      await writer.execute("ROLLBACK");
      await writer.release();
      const copy = await openJudge(bytes);
      expect(copy.value("PRAGMA integrity_check")).toBe("ok");
      expect(copy.value("SELECT count(*) FROM t")).toBe(2000);
      copy.close();
    },
  );

  test("export() of a database without tables is one as well", async () => {
    const other = await open({}, "other");
    for (const journalMode of ["wal", "delete"] as const) {
      for (const auto_vacuum of [0, 1, 2]) {
        const name = `${journalMode}-${auto_vacuum}`;
        const pool = await open({ journalMode, pragmas: { auto_vacuum } }, name);
        expect(await pool.queryValue("PRAGMA auto_vacuum")).toBe(auto_vacuum);
        const bytes = await pool.export();
        expect(bytes.length).toBeGreaterThan(0);
        const copy = await openJudge(bytes);
        expect(copy.value("PRAGMA integrity_check")).toBe("ok");
        expect(copy.value("PRAGMA auto_vacuum")).toBe(auto_vacuum);
        copy.close();
        await other.executeScript(FILL);
        await other.import(bytes);
        expect(await other.queryValue("SELECT count(*) FROM sqlite_schema")).toBe(0);
        await other.executeScript(FILL);
        expect(await other.queryValue("PRAGMA integrity_check")).toBe("ok");
        await other.executeScript("DROP TABLE t");
      }
    }
  });

  test("pragmas that lay out a new database hold for one with a log, too", async () => {
    const pool = await open({ pragmas: { page_size: 1024, auto_vacuum: "full" } });
    await pool.execute("CREATE TABLE t (a)");
    expect(await pool.queryValue("PRAGMA page_size")).toBe(1024);
    expect(await pool.queryValue("PRAGMA auto_vacuum")).toBe(1);
  });

  test("exportStream() gives the same bytes piece by piece, and import() takes them", async () => {
    const pool = await open({ maxConnections: 2 });
    await pool.executeScript(FILL);
    await pool.executeScript("INSERT INTO t (a) SELECT randomblob(1000) FROM t");
    const bytes = await pool.export();
    const pieces: Uint8Array[] = [];
    for await (const piece of streamed(pool.exportStream())) pieces.push(piece);
    expect(pieces.length).toBeGreaterThan(1);
    expect(pool.activeCount).toBe(0);
    const whole = new Uint8Array(await new Blob(pieces as BlobPart[]).arrayBuffer());
    // Not by the matcher, which compares millions of numbers one by one.
    expect(whole.every((byte, i) => byte === bytes[i])).toBe(true);
    expect(whole.length).toBe(bytes.length);
    const copy = await open({}, "copy");
    await copy.import(pool.exportStream());
    expect(await copy.queryValue("SELECT count(*) FROM t")).toBe(4000);
  });

  test("an export leaves its connection without a transaction", async () => {
    const pool = await open({ maxConnections: 1 });
    await pool.executeScript(FILL);
    const first = await pool.export();
    expect(await pool.withConnection((db) => db.inTransaction)).toBe(false);
    await pool.execute("INSERT INTO t (a) VALUES (1)");
    expect((await pool.export()).length).toBeGreaterThanOrEqual(first.length);
  });

  test("exportStream() gives its connection back when it is aborted while nobody reads", async () => {
    const pool = await open({ maxConnections: 1 });
    await pool.executeScript(`${FILL} INSERT INTO t (a) SELECT randomblob(1000) FROM t`);
    const abort = new AbortController();
    const reader = pool.exportStream({ signal: abort.signal }).getReader();
    await reader.read();
    const reason = new Error("enough");
    abort.abort(reason);
    expect(await pool.queryValue("SELECT count(*) FROM t")).toBe(4000);
    expect(await rejection(reader.read())).toBe(reason);
    expect(pool.activeCount).toBe(0);
  });

  test("an export tells of no transaction that somebody left open", async () => {
    const pool = await open({ maxConnections: 1 });
    const dirty: unknown[] = [];
    pool.on("dirty", (event) => dirty.push(event));
    await pool.executeScript(`${FILL} INSERT INTO t (a) SELECT randomblob(1000) FROM t`);
    for await (const piece of streamed(pool.exportStream()))
      expect(piece.length).toBeGreaterThan(0);
    const reader = pool.exportStream().getReader();
    await reader.read();
    await reader.cancel();
    await pool.export();
    expect(dirty).toEqual([]);
  });

  test("import() of a stream that stalls ends with its signal, and keeps no writer waiting", async () => {
    const pool = await open({ maxConnections: 2 });
    await pool.executeScript(FILL);
    const bytes = await pool.export();
    const cancelled = gate<unknown>();
    const stalls = new ReadableStream<Uint8Array>({
      start: (controller) => controller.enqueue(bytes.subarray(0, 5000)),
      cancel: (reason) => cancelled.open(reason),
    });
    const abort = new AbortController();
    const importing = rejection(pool.import(stalls, { signal: abort.signal }));
    if (pool.capabilities.severalConnections) await pool.execute("DELETE FROM t WHERE id = 1");
    const reason = new Error("enough");
    abort.abort(reason);
    expect(await importing).toBe(reason);
    expect(await cancelled.promise).toBe(reason);
    expect(pool.activeCount).toBe(0);
    await pool.import(bytes);
    expect(await pool.queryValue("SELECT count(*) FROM t")).toBe(2000);
  });

  test("close() ends an import() whose stream stalls", async () => {
    const pool = await open({ maxConnections: 1 });
    const begun = gate();
    const stalls = new ReadableStream<Uint8Array>({ pull: () => begun.open() });
    const importing = rejection(pool.import(stalls));
    await begun.promise;
    await pool.close({ timeout: 0 });
    expect(await importing).toMatchObject({ code: "POOL_CLOSED" });
  });

  test("close() ends an export that is being read, which says so", async () => {
    const pool = await open({ maxConnections: 1 });
    await pool.executeScript(`${FILL} INSERT INTO t (a) SELECT randomblob(4000) FROM t`);
    const reader = pool.exportStream().getReader();
    await reader.read();
    await pool.close({ timeout: 0 });
    const readOn = async () => {
      while (!(await reader.read()).done);
    };
    expect(await rejection(readOn())).toMatchObject({ code: "POOL_CLOSED" });
  });

  const holdsThread = threads > 0 && capabilities.severalConnections && capabilities.interrupt;
  test.runIf(holdsThread)("close() ends an export as a whole, which says so", async () => {
    const pool = await open({ maxConnections: 2, threads: 1 });
    await pool.executeScript(FILL);
    const holder = await pool.acquire();
    const holding = rejection(holder.query(FOREVER));
    const exporting = rejection(pool.export());
    await pool.close({ timeout: 0 });
    expect(await exporting).toMatchObject({ code: "POOL_CLOSED" });
    expect(await holding).toMatchObject({ code: "SQLITE_INTERRUPT" });
  });

  test("import() cancels its stream where it gets no connection", async () => {
    const pool = await open({ maxConnections: 1 });
    const held = await pool.acquire();
    const cancelled = gate<unknown>();
    const stream = new ReadableStream<Uint8Array>({ cancel: (reason) => cancelled.open(reason) });
    const abort = new AbortController();
    const importing = rejection(pool.import(stream, { signal: abort.signal }));
    const reason = new Error("enough");
    abort.abort(reason);
    expect(await importing).toBe(reason);
    expect(await cancelled.promise).toBe(reason);
    await held.release();
    await pool.close();
    const late = new ReadableStream<Uint8Array>();
    expect(await rejection(pool.import(late))).toMatchObject({ code: "POOL_CLOSED" });
    expect(late.locked).toBe(false);
  });

  test("exportStream() gives its connection back when it is cancelled, or aborted", async () => {
    const pool = await open({ maxConnections: 2 });
    await pool.executeScript(FILL);
    const reader = pool.exportStream().getReader();
    expect((await reader.read()).value?.length).toBeGreaterThan(0);
    expect(pool.activeCount).toBe(1);
    await reader.cancel();
    expect(pool.activeCount).toBe(0);
    const abort = new AbortController();
    const aborted = pool.exportStream({ signal: abort.signal }).getReader();
    const reason = new Error("enough");
    abort.abort(reason);
    expect(await rejection(aborted.read())).toBe(reason);
    expect(pool.activeCount).toBe(0);
  });

  severally(
    "import() replaces everything in one transaction; open snapshots keep what they saw",
    async () => {
      const source = await open();
      await source.executeScript(FILL);
      const bytes = await source.export();
      const pool = await open({ maxConnections: 2 }, "import");
      await pool.execute("CREATE TABLE old (a)");
      await pool.read(async (db) => {
        await pool.import(bytes);
        expect(await db.queryValue("SELECT count(*) FROM old")).toBe(0);
      });
      expect(await pool.queryValue("SELECT count(*) FROM t")).toBe(2000);
      expect(await rejection(pool.query("SELECT * FROM old"))).toMatchObject({
        code: "SQLITE_ERROR",
      });
      expect(await pool.queryValue("PRAGMA integrity_check")).toBe("ok");
      expect(await pool.queryValue("PRAGMA journal_mode")).toBe("wal");
      await pool.close();
    },
  );

  test("import() takes a stream, and another page size", async () => {
    const other = await openJudge();
    other.execute("PRAGMA page_size = 1024");
    other.execute(FILL);
    const bytes = other.export();
    other.close();
    const pool = await open();
    const stream = new ReadableStream<Uint8Array>({
      start(controller) {
        for (let at = 0; at < bytes.length; at += 10_001)
          controller.enqueue(bytes.subarray(at, at + 10_001));
        controller.close();
      },
    });
    await pool.import(stream);
    expect(await pool.queryValue("SELECT count(*) FROM t")).toBe(2000);
    expect(await pool.queryValue("PRAGMA integrity_check")).toBe("ok");
  });

  test("import() refuses what is no sound database, and changes nothing", async () => {
    const pool = await open();
    await pool.executeScript(FILL);
    const good = await pool.export();
    const truncated = good.slice(0, good.length / 2);
    const damaged = good.slice();
    damaged.fill(0x5a, 4096 * 3, 4096 * 6);
    const noise = crypto.getRandomValues(new Uint8Array(10_000));
    for (const bytes of [new Uint8Array(), noise, good.slice(0, 60), truncated, damaged]) {
      const error = await rejection(pool.import(bytes));
      expect(error).toBeInstanceOf(StorageError);
      expect(error).toMatchObject({ reason: "corrupt", code: "STORAGE_CORRUPT" });
      expect(error.message).toMatch(/^what was to be imported is /);
    }
    expect(await rejection(pool.import("x" as never))).toBeInstanceOf(TypeError);
    const failing = new ReadableStream<Uint8Array>({
      pull(controller) {
        controller.error(new Error("the network went away"));
      },
    });
    expect((await rejection(pool.import(failing))).message).toBe("the network went away");
    const gap = new ReadableStream<Uint8Array>({
      start(controller) {
        controller.enqueue(good);
        controller.enqueue(undefined as never);
        controller.enqueue(good);
      },
    });
    expect(await rejection(pool.import(gap))).toBeInstanceOf(TypeError);
    expect(gap.locked).toBe(false);
    expect(await pool.queryValue("SELECT count(*) FROM t")).toBe(2000);
    expect(await pool.queryValue("PRAGMA integrity_check")).toBe("ok");
  });

  test.skipIf(capabilities.attachStored)(
    "backup() says so where nothing can be attached",
    async () => {
      const pool = await open();
      const error = await rejection(pool.backup(path("copy.db")));
      expect(error).toBeInstanceOf(StorageError);
      expect(error).toMatchObject({ reason: "unsupported" });
      expect(await pool.queryValue("SELECT 1")).toBe(1);
    },
  );

  test.runIf(capabilities.attachStored)(
    "backup() copies page by page, tells how far it is, and can be aborted",
    async () => {
      const pool = await open();
      await pool.executeScript(FILL);
      const destination = path("copy.db");
      const seen: number[] = [];
      await pool.backup(destination, {
        pages: 10,
        onProgress: ({ remainingPages }) => seen.push(remainingPages),
      });
      expect(seen.length).toBeGreaterThan(3);
      expect(seen.at(-1)).toBe(0);
      expect(seen).toEqual([...seen].sort((a, b) => b - a));
      const copy = await openJudge(await readFile(destination));
      expect(copy.value("PRAGMA integrity_check")).toBe("ok");
      expect(copy.value("SELECT count(*) FROM t")).toBe(2000);
      copy.close();
      const controller = new AbortController();
      const reason = new Error("stop");
      const half = path("half.db");
      const aborted = pool.backup(half, {
        pages: 10,
        signal: controller.signal,
        onProgress: () => controller.abort(reason),
      });
      expect(await rejection(aborted)).toBe(reason);
      // In browsers an empty file stays: it is made before SQLite opens it.
      if (storage !== "opfs" && storage !== "indexeddb") {
        expect(await readFile(half)).toBeUndefined();
      }
      expect(await pool.queryValue("SELECT count(*) FROM t")).toBe(2000);
      expect(pool.activeCount).toBe(0);
      // In IndexedDB names have no directories, and so nothing that is none.
      if (storage !== "indexeddb") {
        expect(await rejection(pool.backup(path("copy.db/inside.db")))).toBeInstanceOf(
          StorageError,
        );
      }
    },
  );

  test.runIf(capabilities.attachStored && storage !== "memory")(
    "backup() refuses the database itself, and nothing that is committed is lost",
    async () => {
      const pool = await open({ maxConnections: 2 });
      await pool.executeScript(FILL);
      const own = String(await pool.queryValue("SELECT file FROM pragma_database_list"));
      const backups = Promise.allSettled(Array.from({ length: 5 }, () => pool.backup(own)));
      for (let i = 0; i < 20; i++) await pool.execute("INSERT INTO t (a) VALUES ('x')");
      for (const result of await backups) {
        expect(result).toMatchObject({ reason: { code: "STORAGE_LOCKED" } });
      }
      expect(await pool.queryValue("SELECT count(*) FROM t")).toBe(2020);
    },
  );

  test.runIf(capabilities.attachStored && storage !== "memory")(
    "backup() replaces a database of another page size",
    async () => {
      const older = await open({ pragmas: { page_size: 8192 } }, "older");
      await older.executeScript("CREATE TABLE old (a); INSERT INTO old VALUES (1)");
      const destination = String(await older.queryValue("SELECT file FROM pragma_database_list"));
      await older.close();
      const pool = await open();
      await pool.executeScript(FILL);
      await pool.backup(destination);
      const copy = await openJudge(await readFile(destination));
      expect(copy.value("PRAGMA integrity_check")).toBe("ok");
      expect(copy.value("SELECT count(*) FROM t")).toBe(2000);
      copy.close();
    },
  );

  test("backup() refuses what is no destination and no option", async () => {
    const pool = await open();
    for (const destination of ["", "a\0b", ":memory:", 7 as never]) {
      expect(await rejection(pool.backup(destination))).toBeInstanceOf(TypeError);
    }
    const wrong = [null, { onProgres: () => {} }, { onProgress: 1 }, { pages: "1" }, { signal: 1 }];
    for (const options of wrong) {
      const error = await rejection(pool.backup(path("none.db"), options as never));
      expect(error).toBeInstanceOf(TypeError);
    }
    expect(await rejection(pool.backup(path("none.db"), { pages: 0 }))).toBeInstanceOf(RangeError);
    expect(await readFile(path("none.db"))).toBeUndefined();
  });

  test("checkpoint() moves the log into the database", async () => {
    const pool = await open({ pragmas: { wal_autocheckpoint: 0 } });
    await pool.executeScript(FILL);
    const passive = await pool.checkpoint();
    expect(passive.busy).toBe(false);
    expect(passive.log).toBeGreaterThan(50);
    expect(passive.checkpointed).toBe(passive.log);
    expect(await pool.checkpoint("truncate")).toEqual({ busy: false, log: 0, checkpointed: 0 });
    expect(await rejection(pool.checkpoint("now" as never))).toBeInstanceOf(TypeError);
  });

  test("checkpoint() gives plain numbers however integers are read", async () => {
    const pool = await open({ integers: "bigint" });
    await pool.executeScript(FILL);
    expect(await pool.checkpoint("truncate")).toEqual({ busy: false, log: 0, checkpointed: 0 });
  });

  severally("a truncating checkpoint says so when readers outlast busyTimeout", async () => {
    const pool = await open({ maxConnections: 3, busyTimeout: 40 });
    await pool.executeScript(FILL);
    await pool.read(async (db) => {
      await db.query("SELECT count(*) FROM t");
      await pool.execute("INSERT INTO t (a) VALUES ('x')");
      expect((await pool.checkpoint("truncate")).busy).toBe(true);
    });
    expect((await pool.checkpoint("truncate")).busy).toBe(false);
  });

  severally("a truncating checkpoint succeeds once the readers in its way have gone", async () => {
    const pool = await open({ maxConnections: 3, busyTimeout: 30_000 });
    await pool.executeScript(FILL);
    const mayEnd = gate();
    const began = gate();
    const reading = pool.read(async (db) => {
      await db.query("SELECT count(*) FROM t");
      await pool.execute("INSERT INTO t (a) VALUES ('y')");
      began.open();
      await mayEnd.promise;
    });
    await began.promise;
    let tries = 0;
    pool.on("query", ({ sql }) => {
      if (sql.includes("wal_checkpoint") && ++tries === 2) mayEnd.open();
    });
    expect((await pool.checkpoint("truncate")).busy).toBe(false);
    expect(tries).toBeGreaterThan(1);
    await reading;
  });

  test("deleteDatabase() closes the pool and removes its files", async () => {
    if (memory) return;
    const file = path("doomed.db");
    const pool = await openPool(file, { threads });
    await pool.execute("CREATE TABLE t (a)");
    expect(await readFile(file)).toBeDefined();
    await pool.deleteDatabase();
    for (const suffix of ["", "-wal", "-journal", "-lock"])
      expect(await readFile(file + suffix)).toBeUndefined();
    expect(await rejection(pool.acquire())).toMatchObject({ code: "POOL_CLOSED" });
    expect(await rejection(pool.deleteDatabase())).toMatchObject({ code: "POOL_CLOSED" });
    await pool.close();
  });

  test("deleteDatabase() of a readonly pool deletes nothing", async () => {
    if (memory) return;
    const writer = await open({}, "kept");
    await writer.execute("CREATE TABLE t (a)");
    await writer.close();
    const pool = await open({ readonly: true }, "kept");
    expect(await rejection(pool.deleteDatabase())).toMatchObject({ code: "STORAGE_PERMISSION" });
    expect(await pool.queryValue("SELECT count(*) FROM t")).toBe(0);
  });

  test("capabilities say what the pool really has", async () => {
    const pool = await open({ maxConnections: 2 });
    expect(pool.stats().storage).toBe(storage);
    const several = pool.maxConnections > 1;
    const compiledWith = async (option: string) =>
      (await pool.queryValue("SELECT sqlite_compileoption_used(?)", [option])) === 1;
    const { capabilities } = pool;
    expect(capabilities).toMatchObject({
      severalConnections: several,
      durable: !memory,
      wal: several,
      fts5: await compiledWith("ENABLE_FTS5"),
      dbpage: await compiledWith("ENABLE_DBPAGE_VTAB"),
      role: "owner",
      fallbacks: [],
    });
    // Both need a thread beside the caller's and memory that the two share; a browser may lack either.
    for (const name of ["parallelReads", "interrupt"] as const) {
      if (threads === 0) expect(capabilities[name]).toBe(false);
      else if (storage === "file" && several) expect(capabilities[name]).toBe(true);
    }
  });
});
