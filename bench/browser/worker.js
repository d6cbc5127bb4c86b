// Runs one contender in a dedicated worker, as its messages say.

import { insertAll, measureAll, SELECT } from "./workload.js";

/** @type {Record<string, () => Promise<{ open(name: string, variant: string): Promise<any> }>>} */
const MODULES = {
  pool: () => import("./contenders/pool.js"),
  official: () => import("./contenders/official.js"),
  "wa-sqlite": () => import("./contenders/wa-sqlite.js"),
};

/** @type {any} */
let db;
/** Statements of one message do not mix with those of another. */
let turn = Promise.resolve();

/** @type {Record<string, (message: any) => unknown>} */
const ACTIONS = {
  async open({ module, variant, name }) {
    db = await (await MODULES[module]?.())?.open(name, variant);
  },
  measure: () => measureAll(db),
  run: ({ sql }) => db.run(sql),
  write: ({ rows }) => insertAll(db, rows),
  read: ({ row }) => db.first(SELECT, [row]),
  close: () => db.close(),
};

addEventListener("message", ({ data }) => {
  turn = turn.then(async () => {
    try {
      postMessage({ id: data.id, value: await ACTIONS[data.action]?.(data) });
    } catch (error) {
      postMessage({ id: data.id, error: String(error) });
    }
  });
});
