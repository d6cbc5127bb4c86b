// What the parts of one pool have in common.

import type { Backend } from "./backend.ts";
import type { Lender } from "./connection.ts";
import type { Emitter, PoolEvents } from "./events.ts";
import type { ResolvedOptions } from "./options.ts";
import type { PoolCounters } from "./stats.ts";

/** One pool, as its parts know it. */
export interface PoolContext {
  readonly backend: Backend;
  readonly options: ResolvedOptions;
  readonly counters: PoolCounters;
  readonly events: Emitter<PoolEvents>;
  readonly lender: Lender;
}
