// Libraries that run SQLite in the calling thread, behind one small interface each.

import { readFileSync, writeFileSync } from "node:fs";

/**
 * @typedef {object} Peer
 * @property {string} name
 * @property {boolean} durable It has files, so that a commit can be synced.
 * @property {(sql: string) => unknown} exec
 * @property {(sql: string) => (id: number) => unknown} point
 * @property {(sql: string) => () => unknown} all Every row as an object.
 * @property {(sql: string) => () => unknown} arrays Every row as an array.
 * @property {(sql: string) => (values: readonly (string | number)[]) => unknown} write
 * @property {(sql: string, rows: readonly (readonly (string | number)[])[]) => unknown} bulk All rows in one transaction.
 * @property {() => unknown} close
 */

/** @type {Record<string, (file: string) => Promise<Peer>>} */
export const peers = {
  async pool(file) {
    const { openPool } = await import("sqlite-wasm-pool");
    const pool = await openPool(file, { threads: 0, maxConnections: 1 });
    const db = await pool.acquire();
    return {
      name: "sqlite-wasm-pool",
      durable: true,
      exec: (sql) => db.executeScript(sql),
      point: (sql) => (id) => db.queryFirst(sql, [id]),
      all: (sql) => () => db.query(sql),
      arrays: (sql) => () => db.query(sql, [], { rowMode: "array" }),
      write: (sql) => (values) => db.execute(sql, values),
      bulk: (sql, rows) => db.executeMany(sql, rows),
      close: async () => {
        await db.release();
        await pool.close();
      },
    };
  },

  async "better-sqlite3"(file) {
    const { default: Database } = await import("better-sqlite3");
    return native("better-sqlite3", new Database(file));
  },

  async "node:sqlite"(file) {
    // @ts-expect-error: the types of the oldest Node that is supported do not have it
    const { DatabaseSync } = await import("node:sqlite");
    const db = new DatabaseSync(file);
    return {
      ...native("node:sqlite", db),
      arrays: (sql) => {
        const statement = db.prepare(sql);
        statement.setReturnArrays?.(true);
        return () => statement.all();
      },
      bulk: (sql, rows) => inTransaction(db, db.prepare(sql), rows),
    };
  },

  async "node-sqlite3-wasm"(file) {
    const { Database } = (await import("node-sqlite3-wasm")).default;
    // It has no write-ahead log.
    writeFileSync(file, withoutLog(readFileSync(file)));
    const db = new Database(file);
    return {
      name: "node-sqlite3-wasm",
      durable: true,
      exec: (sql) => db.exec(sql),
      point: (sql) => {
        const statement = db.prepare(sql);
        return (id) => statement.get([id]);
      },
      all: (sql) => {
        const statement = db.prepare(sql);
        return () => statement.all();
      },
      // It has no rows as arrays.
      arrays: (sql) => {
        const statement = db.prepare(sql);
        return () => statement.all();
      },
      write: (sql) => {
        const statement = db.prepare(sql);
        return (values) => statement.run([...values]);
      },
      bulk: (sql, rows) => {
        const statement = db.prepare(sql);
        db.exec("BEGIN");
        for (const row of rows) statement.run([...row]);
        db.exec("COMMIT");
      },
      close: () => db.close(),
    };
  },

  async "sql.js"(file) {
    // @ts-expect-error: it comes without types
    const { default: initSqlJs } = await import("sql.js");
    const { Database } = await initSqlJs();
    const db = new Database(withoutLog(readFileSync(file)));
    return {
      name: "sql.js",
      durable: false,
      exec: (sql) => db.exec(sql),
      point: (sql) => {
        const statement = db.prepare(sql);
        return (id) => {
          statement.bind([id]);
          statement.step();
          const row = statement.getAsObject();
          statement.reset();
          return row;
        };
      },
      all: (sql) => rowsOf(db, sql, (statement) => statement.getAsObject()),
      arrays: (sql) => rowsOf(db, sql, (statement) => statement.get()),
      write: (sql) => {
        const statement = db.prepare(sql);
        return (values) => statement.run([...values]);
      },
      bulk: (sql, rows) => {
        const statement = db.prepare(sql);
        db.run("BEGIN");
        for (const row of rows) statement.run([...row]);
        db.run("COMMIT");
      },
      close: () => {
        writeFileSync(file, db.export());
        db.close();
      },
    };
  },
};

/**
 * @param {string} name
 * @param {any} db
 * @returns {Peer}
 */
function native(name, db) {
  return {
    name,
    durable: true,
    exec: (sql) => db.exec(sql),
    point: (sql) => {
      const statement = db.prepare(sql);
      return (id) => statement.get(id);
    },
    all: (sql) => {
      const statement = db.prepare(sql);
      return () => statement.all();
    },
    arrays: (sql) => {
      const statement = db.prepare(sql).raw?.() ?? db.prepare(sql);
      return () => statement.all();
    },
    write: (sql) => {
      const statement = db.prepare(sql);
      return (values) => statement.run(...values);
    },
    bulk: (sql, rows) => inTransaction(db, db.prepare(sql), rows),
    close: () => db.close(),
  };
}

/**
 * @param {any} db
 * @param {any} statement
 * @param {readonly (readonly (string | number)[])[]} rows
 */
function inTransaction(db, statement, rows) {
  db.exec("BEGIN");
  for (const row of rows) statement.run(...row);
  db.exec("COMMIT");
}

/**
 * @param {any} db
 * @param {string} sql
 * @param {(statement: any) => unknown} read
 */
function rowsOf(db, sql, read) {
  const statement = db.prepare(sql);
  return () => {
    const rows = [];
    while (statement.step()) rows.push(read(statement));
    statement.reset();
    return rows;
  };
}

/**
 * The bytes of a database with a header that asks for a rollback journal.
 * @param {Buffer} bytes
 */
function withoutLog(bytes) {
  return bytes.fill(1, 18, 20);
}
