// The same program in Node, Deno, Bun, a web worker and a page: a small ledger, moved about by many
// concurrent transfers while it is being read, then looked at, exported and reopened.
//
//   node examples/everywhere.js
//   deno run --allow-read=. --allow-write=. examples/everywhere.js
//   bun examples/everywhere.js

import { openPool, SqliteError, sql } from "sqlite-wasm-pool";

const pool = await openPool("ledger.db", { maxConnections: 4 });

await pool.executeScript(`
  DROP TABLE IF EXISTS account;
  CREATE TABLE account (
    id INTEGER PRIMARY KEY,
    owner TEXT NOT NULL UNIQUE,
    cents INTEGER NOT NULL CHECK (cents >= 0)
  );
`);
const owners = ["Ada", "Grace", "Edsger", "Barbara", "Tony"];
await pool.executeMany(
  "INSERT INTO account (owner, cents) VALUES (:owner, :cents)",
  owners.map((owner) => ({ owner, cents: 10_000 })),
);

/**
 * Moves money, or nothing at all.
 * @param {string} from
 * @param {string} to
 * @param {number} cents
 */
async function transfer(from, to, cents) {
  await pool.write(async (db) => {
    await db.execute(sql`UPDATE account SET cents = cents - ${cents} WHERE owner = ${from}`);
    await db.execute(sql`UPDATE account SET cents = cents + ${cents} WHERE owner = ${to}`);
  });
}

// Sixty transfers at once, and readers beside them: each reader sees all the money there is.
const transfers = Array.from({ length: 60 }, (_, i) =>
  transfer(owners[i % 5] ?? "", owners[(i * 2 + 1) % 5] ?? "", 100 + i),
);
const sums = Array.from({ length: 20 }, () => pool.queryValue("SELECT sum(cents) FROM account"));
await Promise.all(transfers);
console.log("sums seen meanwhile:", [...new Set(await Promise.all(sums))].join(", "));

// A transfer that is not covered changes nothing.
const refusal = await transfer("Ada", "Grace", 1_000_000).catch((error) => error);
console.log("refused:", refusal instanceof SqliteError && refusal.code);

for await (const { owner, cents } of pool.iterate(
  "SELECT owner, cents FROM account ORDER BY cents DESC, owner",
)) {
  console.log(`${owner}: ${cents}`);
}

const values = await pool.queryFirst(
  "SELECT ? AS big, ? AS text, ? AS empty, ? AS blob, 0.1 + 0.2 AS real",
  [2n ** 60n, "zażółć 🦆", null, new Uint8Array([1, 2, 255])],
);
console.log(Object.values(values ?? {}).join(" | "));

const copy = await pool.export();
await pool.close();

const restored = await openPool("ledger-copy.db");
await restored.import(copy);
console.log("the copy has", await restored.queryValue("SELECT sum(cents) FROM account"), "cents");
console.log("integrity:", await restored.queryValue("PRAGMA integrity_check"));
await restored.close();
