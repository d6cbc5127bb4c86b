// How a thread gets the engine that its configuration asks for; each is loaded only where it is used.

import type { Engine } from "../engine/engine.ts";
import type { VfsOptions } from "../engine/open-files.ts";
import type { NewSqlJs } from "../engine/sql-js-module.ts";
import type { ThreadConfig } from "../rpc/protocol.ts";

/**
 * Loads the script of sql.js in WebAssembly, or in JavaScript where the configuration has no compiled
 * module. Each entry passes its own way in: a worker in a browser has only what it is sent.
 */
export type LoadSqlJs = (config: ThreadConfig) => Promise<NewSqlJs>;

/** @throws StorageError, StorageFault */
export async function startEngine(
  config: ThreadConfig,
  options: VfsOptions,
  loadSqlJs: LoadSqlJs,
): Promise<Engine> {
  const { engine } = config;
  const module = config.module as WebAssembly.Module | undefined;
  switch (engine) {
    case "sqlite-wasm": {
      const { startSqliteWasm } = await import("../engine/sqlite-wasm.ts");
      return startSqliteWasm(options, module);
    }
    case "sql.js": {
      const { startSqlJs } = await import("../engine/sql-js.ts");
      return startSqlJs(options, await loadSqlJs(config), module);
    }
    default:
      return engine satisfies never;
  }
}
