// The scripts of sql.js, where they can be imported: in Node, and on a page.

import type { NewSqlJs } from "../engine/sql-js-module.ts";
import type { ThreadConfig } from "../rpc/protocol.ts";

/** Imports the script that goes with `config`. */
export async function importSqlJs({ module }: ThreadConfig): Promise<NewSqlJs> {
  const script =
    module === undefined
      ? await import("../engine/sql-js/asm.js")
      : await import("../engine/sql-js/wasm.js");
  return script.default;
}
