// Random schedules of transactions on several connections, against a model of snapshot isolation.

import * as fc from "fast-check";
import { BusyError, SqliteError } from "sqlite-wasm-pool";
import { expect, test } from "vitest";
import { inEveryPlace } from "../helpers/kinds.ts";

const KEYS = 4;
const CONNECTIONS = 3;

const step = fc.record({
  connection: fc.nat(CONNECTIONS - 1),
  action: fc.constantFrom(
    "begin",
    "beginImmediate",
    "read",
    "write",
    "write",
    "savepoint",
    "rollbackTo",
    "commit",
    "rollback",
    "checkpoint",
  ),
  key: fc.nat(KEYS - 1),
});

/** What a connection of the model sees: its snapshot, and what it has written on top of it. */
interface ModelConnection {
  open: boolean;
  snapshot: number[] | undefined;
  version: number;
  written: boolean;
  savepoint: number[] | undefined;
}

await inEveryPlace(({ open, storage, capabilities }) => {
  const severally = test.runIf(capabilities.severalConnections);

  severally(
    "every read is what the model says, and every refused write is one it refuses",
    async () => {
      await fc.assert(
        fc.asyncProperty(fc.array(step, { minLength: 10, maxLength: 50 }), async (steps) => {
          const pool = await open({
            maxConnections: CONNECTIONS,
            busyTimeout: 0,
            pragmas: { wal_autocheckpoint: 3 },
          });
          await pool.executeScript(`DROP TABLE IF EXISTS t; CREATE TABLE t (k INTEGER PRIMARY KEY, v);
          INSERT INTO t VALUES (0, 0), (1, 0), (2, 0), (3, 0);`);
          const leases = await Promise.all(
            Array.from({ length: CONNECTIONS }, () => pool.acquire()),
          );
          const models = leases.map(
            (): ModelConnection => ({
              open: false,
              snapshot: undefined,
              version: 0,
              written: false,
              savepoint: undefined,
            }),
          );
          let committed = [0, 0, 0, 0];
          let version = 0;
          let writer: ModelConnection | undefined;
          let value = 0;
          const end = (model: ModelConnection) => {
            if (writer === model) writer = undefined;
            Object.assign(model, {
              open: false,
              snapshot: undefined,
              written: false,
              savepoint: undefined,
            });
          };
          for (const { connection, action, key } of steps) {
            const db = leases[connection];
            const model = models[connection];
            if (db === undefined || model === undefined) throw new Error("unreachable");
            const see = () => {
              if (model.open && model.snapshot === undefined) {
                model.snapshot = [...committed];
                model.version = version;
              }
              return model.snapshot ?? committed;
            };
            /** Undefined: the write lock is to be had. */
            const refusal = () => {
              if (writer !== undefined && writer !== model) return "SQLITE_BUSY";
              return model.snapshot !== undefined && model.version !== version
                ? "SQLITE_BUSY_SNAPSHOT"
                : undefined;
            };
            const attempt = async (sql: string, params: number[] = []) =>
              db.execute(sql, params).then(
                () => undefined,
                (error: unknown) => {
                  expect(error).toBeInstanceOf(SqliteError);
                  if ((error as SqliteError).code === "SQLITE_BUSY")
                    expect(error).toBeInstanceOf(BusyError);
                  return (error as SqliteError).code;
                },
              );
            if (action === "begin" && !model.open) {
              await db.execute("BEGIN");
              model.open = true;
            } else if (action === "beginImmediate" && !model.open) {
              const expected = refusal();
              expect(await attempt("BEGIN IMMEDIATE")).toBe(expected);
              if (expected !== undefined) continue;
              model.open = true;
              see();
              writer = model;
            } else if (action === "read") {
              const rows = await db.query("SELECT v FROM t ORDER BY k", [], { rowMode: "array" });
              expect(rows.flat()).toEqual(see());
            } else if (action === "write") {
              const expected = refusal();
              expect(await attempt("UPDATE t SET v = ? WHERE k = ?", [++value, key])).toBe(
                expected,
              );
              if (expected !== undefined) continue;
              const row = see();
              row[key] = value;
              if (model.open) {
                writer = model;
                model.written = true;
              } else version++;
            } else if (action === "savepoint" && model.open && model.savepoint === undefined) {
              await db.execute("SAVEPOINT s");
              see();
              await db.query("SELECT v FROM t");
              model.savepoint = [...see()];
            } else if (action === "rollbackTo" && model.savepoint !== undefined) {
              await db.execute("ROLLBACK TO s");
              model.snapshot = [...model.savepoint];
            } else if (action === "commit" && model.open) {
              expect(await attempt("COMMIT")).toBeUndefined();
              if (model.written && model.snapshot !== undefined) {
                committed = model.snapshot;
                version++;
              }
              end(model);
            } else if (action === "rollback" && model.open) {
              await db.execute("ROLLBACK");
              end(model);
            } else if (action === "checkpoint" && !model.open && writer === undefined) {
              // A checkpoint that starts the log anew makes every snapshot there is too old to write.
              const mode = models.every(({ snapshot }) => snapshot === undefined)
                ? "TRUNCATE"
                : "PASSIVE";
              await db.execute(`PRAGMA wal_checkpoint(${mode})`);
            }
            expect(db.inTransaction).toBe(model.open);
          }
          for (const db of leases) await db.release();
          expect(
            (await pool.query("SELECT v FROM t ORDER BY k", [], { rowMode: "array" })).flat(),
          ).toEqual(committed);
          expect(await pool.queryValue("PRAGMA integrity_check")).toBe("ok");
          await pool.close();
        }),
        // Each run opens and closes a database, which takes browsers long.
        { numRuns: storage === "file" ? 25 : 6 },
      );
    },
  );
});
