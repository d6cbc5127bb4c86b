// sqlocal, which brings a worker of its own: every statement is a message to it.

import { SQLocal } from "sqlocal";

/** @param {string} name */
export async function open(name) {
  const client = new SQLocal({
    databasePath: name,
    onInit: (sql) => [sql`PRAGMA synchronous = full`],
  });
  return overMessages(client);
}

/** @param {SQLocal} client */
function overMessages(client) {
  /** @type {any} */
  let transaction;
  const target = () => transaction ?? client;
  return {
    async run(/** @type {string} */ sql, /** @type {any} */ params = []) {
      if (sql.startsWith("BEGIN")) transaction = await client.beginTransaction();
      else if (sql === "COMMIT") {
        const ending = transaction;
        transaction = undefined;
        await ending.commit();
      } else if (transaction) await transaction.query({ sql, params });
      else await client.sql(sql, ...params);
    },
    async first(/** @type {string} */ sql, /** @type {any} */ params = []) {
      const [row] = await target().sql(sql, ...params);
      return row === undefined ? undefined : Object.values(row)[0];
    },
    close: () => client.destroy(),
  };
}
