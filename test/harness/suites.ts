// The suites that run in other places than Vitest's own processes; `matrix.ts` says how much of them is run.

import { readdirSync } from "node:fs";

/** The behaviour of pools, all of it. */
export const POOL_SUITES = readdirSync(new URL("../pool", import.meta.url)).map(
  (file) => `test/pool/${file}`,
);
/** What depends on where it runs more than all else. */
export const LEAST_SUITES = ["test/pool/transactions.test.ts"];
/** What depends most on where it runs. */
export const PLACE_SUITES = [...LEAST_SUITES, "test/pool/whole.test.ts"];
/** What only depends on the JavaScript engine. */
export const ENGINE_SUITES = ["test/unit/codec.test.ts", "test/unit/sql.test.ts"];
