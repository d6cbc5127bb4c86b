// Several instances of SQLite in one thread, on one database in memory, driven step by step. Nothing
// here runs by chance: what would happen in another thread is run at a chosen point inside a call.

import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { pathToFileURL } from "node:url";
import type { Engine, EngineConnection } from "../../src/engine/engine.ts";
import type * as SqliteWasmModule from "../../src/engine/sqlite-wasm.ts";
import type * as RowsModule from "../../src/rpc/rows.ts";
import type * as LayoutModule from "../../src/shm/layout.ts";
import type * as LockTableModule from "../../src/shm/lock-table.ts";
import type * as MemoryModule from "../../src/storage/memory.ts";
import type * as StorageModule from "../../src/storage/storage.ts";
import type { OpenFlags, Storage } from "../../src/storage/storage.ts";

/** The modules of one build: the real one, or a mutant. */
export interface Build {
  readonly sqliteWasm: typeof SqliteWasmModule;
  readonly rows: typeof RowsModule;
  readonly layout: typeof LayoutModule;
  readonly lockTable: typeof LockTableModule;
  readonly memory: typeof MemoryModule;
  readonly storage: typeof StorageModule;
}

/** Loads the build in `directory`. */
export async function loadBuild(directory: string): Promise<Build> {
  const load = (file: string) =>
    import(/* @vite-ignore */ pathToFileURL(`${directory}/${file}`).href);
  return {
    sqliteWasm: await load("engine/sqlite-wasm.js"),
    rows: await load("rpc/rows.js"),
    layout: await load("shm/layout.js"),
    lockTable: await load("shm/lock-table.js"),
    memory: await load("storage/memory.js"),
    storage: await load("storage/storage.js"),
  };
}

let compiled: Promise<WebAssembly.Module> | undefined;
function compiledEngine(): Promise<WebAssembly.Module> {
  const file = createRequire(import.meta.url).resolve("@sqlite.org/sqlite-wasm/sqlite3.wasm");
  compiled ??= WebAssembly.compile(readFileSync(file));
  return compiled;
}

/** Operations of the lock table that a step can be put in front of or behind. */
export type LockOperation =
  | "tryShared"
  | "tryExclusive"
  | "unlockShared"
  | "unlockExclusive"
  | "enter";

/** One database and the instances that have it open. */
export class World {
  readonly build: Build;
  readonly shared: LayoutModule.SharedMemory;
  /** Writes to the file of this name fail. */
  fullFor: string | undefined;
  readonly #disk: MemoryModule.MemoryDisk;
  readonly #engines: Engine[] = [];

  constructor(build: Build, disk = build.memory.createMemoryDisk("w")) {
    this.build = build;
    this.shared = build.layout.createSharedMemory();
    this.#disk = disk;
  }

  /** The files as a crash of all instances would leave them. */
  afterCrash(): World {
    return new World(this.build, this.#disk);
  }

  /** Starts another instance. */
  async instance(): Promise<Instance> {
    const { build, shared } = this;
    const slot = build.lockTable.claimSlot(shared);
    if (slot === undefined) throw new Error("no slot left");
    const storage = this.#storage();
    const guard = () => ({ release() {} });
    const engine = await build.sqliteWasm.startSqliteWasm(
      { storage, path: "w", readonly: false, shared, slot, guard },
      await compiledEngine(),
    );
    this.#engines.push(engine);
    return new Instance(this, engine, slot);
  }

  #storage(): Storage {
    const storage = this.build.memory.memoryStorage(this.#disk);
    const open = (path: string, flags: OpenFlags) => {
      const file = storage.open(path, flags);
      const write = file.write.bind(file);
      file.write = (...args) => {
        if (this.fullFor === path) throw new this.build.storage.StorageFault("quota", "full");
        write(...args);
      };
      return file;
    };
    return { ...storage, readAheadBytes: 16_384, open };
  }

  /**
   * Runs `step` once, just before (or after) `instance` next does `operation` on `lock`, where
   * `when` holds.
   */
  interpose(
    instance: Instance,
    at: { operation: LockOperation; lock?: number; after?: boolean; when?: () => boolean },
    step: () => void,
  ): { readonly ran: boolean } {
    const prototype = this.build.lockTable.LockTable.prototype as unknown as Record<
      LockOperation,
      (this: { slot: number }, lock: number) => boolean | undefined
    >;
    const { operation, lock, after = false, when = () => true } = at;
    const original = prototype[operation];
    const state = { ran: false };
    const run = (slot: number, which: number) => {
      if (state.ran || slot !== instance.slot || (lock !== undefined && which !== lock)) return;
      if (!when()) return;
      state.ran = true;
      step();
    };
    prototype[operation] = function (which) {
      if (!after) run(this.slot, which);
      const result = original.call(this, which);
      if (after && result !== false) run(this.slot, which);
      return result;
    };
    return state;
  }
}

/** One instance of SQLite. */
export class Instance {
  readonly world: World;
  readonly slot: number;
  readonly #engine: Engine;

  constructor(world: World, engine: Engine, slot: number) {
    this.world = world;
    this.#engine = engine;
    this.slot = slot;
  }

  /** Its thread has ended in the middle of what it did. */
  die(): void {
    this.world.build.lockTable.reapSlot(this.world.shared, this.slot);
  }

  connect(...pragmas: readonly string[]): Db {
    const connection = this.#engine.open("w", { readonly: false, create: true });
    const db = new Db(this.world, connection);
    for (const pragma of pragmas) db.sql(`PRAGMA ${pragma}`);
    return db;
  }
}

/** One connection. */
export class Db {
  readonly #world: World;
  readonly #connection: EngineConnection;

  constructor(world: World, connection: EngineConnection) {
    this.#world = world;
    this.#connection = connection;
  }

  /** Runs statements; the first column of the last one's first row. */
  sql(text: string): unknown {
    let value: unknown;
    for (let rest = text; ; ) {
      const statement = this.#connection.prepare(rest);
      if (statement === undefined) return value;
      const builder = new this.#world.build.rows.RowBuilder();
      builder.start("value", 1);
      try {
        if (!statement.run(builder, "auto")) statement.run(undefined, "auto");
        value = builder.take();
        rest = statement.tail;
      } finally {
        statement.finalize();
      }
    }
  }

  close(): void {
    this.#connection.close();
  }
}
