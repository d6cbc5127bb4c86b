// What must hold between instances that share a wal-index. Each scenario throws where it does not;
// the columns are the instances, time goes down.

import { expect } from "vitest";
import type { World } from "./instances.ts";

const WRITE = 0;
const CHECKPOINT = 1;
const READ_1 = 4;

const SETUP = ["page_size = 512", "journal_mode = wal", "wal_autocheckpoint = 0"];
const FILL = `CREATE TABLE t (id INTEGER PRIMARY KEY, a, pad);
  WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 200)
  INSERT INTO t SELECT i, 1, zeroblob(300) FROM n;`;
const SUM = "SELECT sum(a) FROM t";
const CHECK = "PRAGMA integrity_check";

export const scenarios: Record<string, (world: World) => Promise<void>> = {
  //  A                     B
  //  INSERT
  //                        sees 1, INSERT
  //  sees 2
  async "a commit is seen by every other instance"(world) {
    const a = (await world.instance()).connect(...SETUP);
    const b = (await world.instance()).connect(...SETUP);
    a.sql("CREATE TABLE t (a); INSERT INTO t VALUES (1)");
    expect(b.sql("SELECT count(*) FROM t")).toBe(1);
    b.sql("INSERT INTO t VALUES (2)");
    expect(a.sql("SELECT count(*) FROM t")).toBe(2);
  },

  //  A1          A2          B
  //              BEGIN, reads
  //  INSERT
  //              as before   sees it
  //                          INSERT
  //  sees both   as before
  async "connections of one instance keep snapshots of their own"(world) {
    const instance = await world.instance();
    const a1 = instance.connect(...SETUP);
    const a2 = instance.connect(...SETUP);
    const b = (await world.instance()).connect(...SETUP);
    a1.sql("CREATE TABLE t (a)");
    const count = "SELECT count(*) FROM t";
    expect(a2.sql(`BEGIN; ${count}`)).toBe(0);
    a1.sql("INSERT INTO t VALUES (1)");
    expect([a2.sql(count), b.sql(count)]).toEqual([0, 1]);
    b.sql("INSERT INTO t VALUES (2)");
    expect([a1.sql(count), a2.sql(count)]).toEqual([2, 0]);
    a2.sql("COMMIT");
    expect(a2.sql(count)).toBe(2);
  },

  //  A                        B
  //                           BEGIN, reads
  //                           INSERT: about to lock WRITE
  //  INSERT
  //                           must fail: its snapshot is old
  async "a writer learns of a commit made just before it takes the lock"(world) {
    const a = (await world.instance()).connect(...SETUP);
    const instance = await world.instance();
    const b = instance.connect(...SETUP);
    a.sql("CREATE TABLE t (a)");
    b.sql("BEGIN; SELECT * FROM t");
    const step = world.interpose(instance, { operation: "tryExclusive", lock: WRITE }, () =>
      a.sql("INSERT INTO t VALUES (1)"),
    );
    expect(() => b.sql("INSERT INTO t VALUES (2)")).toThrow(/locked/);
    expect(step.ran).toBe(true);
    b.sql("ROLLBACK");
    expect(b.sql("SELECT count(*) FROM t")).toBe(1);
    expect(b.sql(CHECK)).toBe("ok");
  },

  //  A                            B
  //  fills the log, checkpoints
  //  UPDATE: restarts the log,
  //    lets go of READ(1..4)
  //                               BEGIN, reads the schema
  //    writes over frame 1...
  //  commits
  //                               must see what was before
  async "a reader that comes while the log restarts does not read what is written over"(world) {
    const instance = await world.instance();
    const a = instance.connect(...SETUP);
    const b = (await world.instance()).connect(...SETUP, "cache_size = 1");
    a.sql(FILL);
    expect(b.sql(SUM)).toBe(200);
    a.sql("PRAGMA wal_checkpoint");
    const fresh = b;
    const step = world.interpose(
      instance,
      { operation: "unlockExclusive", lock: READ_1, after: true },
      () => fresh.sql("BEGIN; SELECT count(*) FROM sqlite_schema"),
    );
    a.sql("UPDATE t SET a = 2, pad = randomblob(300)");
    expect(step.ran).toBe(true);
    expect(fresh.sql(SUM)).toBe(200);
    fresh.sql("COMMIT");
    expect(fresh.sql(SUM)).toBe(400);
    expect(fresh.sql(CHECK)).toBe("ok");
  },

  //  A                              B                     C
  //  fills the log
  //  reads: takes a mark,
  //    about to publish it
  //                                                       UPDATE
  //                                 BEGIN, takes a mark
  //    publishes
  //  UPDATE, checkpoints
  //                                 must see what was
  async "a reader's mark survives another one that is published at the same time"(world) {
    const instance = await world.instance();
    const writer = instance.connect(...SETUP);
    const reader = instance.connect(...SETUP);
    const b = (await world.instance()).connect(...SETUP);
    const c = (await world.instance()).connect(...SETUP);
    writer.sql(FILL);
    writer.sql("PRAGMA wal_checkpoint(TRUNCATE)");
    writer.sql("UPDATE t SET pad = NULL WHERE id = 1");
    let marking = false;
    world.interpose(instance, { operation: "tryExclusive", lock: READ_1, after: true }, () => {
      marking = true;
    });
    const step = world.interpose(instance, { operation: "enter", when: () => marking }, () => {
      c.sql("UPDATE t SET pad = NULL WHERE id = 2");
      b.sql("BEGIN; SELECT count(*) FROM sqlite_schema");
    });
    reader.sql("SELECT count(*) FROM t");
    expect(step.ran).toBe(true);
    writer.sql("UPDATE t SET a = 2");
    writer.sql("PRAGMA wal_checkpoint");
    expect(b.sql(SUM)).toBe(200);
    b.sql("COMMIT");
    expect(b.sql(SUM)).toBe(400);
    expect(b.sql(CHECK)).toBe("ok");
  },

  //  A                              B
  //  one frame
  //                                 reads: maps the first region
  //  thousands of frames
  //                                 TRUNCATE: maps the others while it holds WRITE
  async "a checkpointer finds the pages of regions it has not had before"(world) {
    const a = (await world.instance()).connect(...SETUP);
    const b = (await world.instance()).connect(...SETUP);
    a.sql("CREATE TABLE t (a, pad)");
    expect(b.sql("SELECT count(*) FROM t")).toBe(0);
    a.sql(`WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 9000)
      INSERT INTO t SELECT 1, zeroblob(400) FROM n`);
    expect(b.sql("PRAGMA wal_checkpoint(TRUNCATE)")).toBe(0);
    expect(a.sql(SUM)).toBe(9000);
    expect(b.sql(SUM)).toBe(9000);
    expect(a.sql(CHECK)).toBe("ok");
  },

  //  A                              B
  //  thousands of frames, twice
  //                                 finds every page through the hash tables
  async "every region of the index reaches the other instances"(world) {
    const a = (await world.instance()).connect(...SETUP);
    const b = (await world.instance()).connect(...SETUP);
    a.sql("CREATE TABLE t (a, pad)");
    b.sql("SELECT * FROM t");
    for (const expected of [5000, 10_000]) {
      a.sql(`WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 5000)
        INSERT INTO t SELECT 1, zeroblob(400) FROM n`);
      expect(b.sql(SUM)).toBe(expected);
    }
    b.sql("UPDATE t SET a = 2");
    expect(a.sql(SUM)).toBe(20_000);
    expect(a.sql(CHECK)).toBe("ok");
  },

  //  A                              B
  //  fills two regions
  //                                 reads
  //  starts the log anew, fills most
  //    of the first region
  //  one row; a change too large
  //    for its cache, rolled back
  //                                 reads, one row, reads     ... and so on into the next region
  async "small commits in turns reach the other instance, on into the next region"(world) {
    const small = [...SETUP, "cache_size = 2"];
    const a = (await world.instance()).connect(...small);
    const b = (await world.instance()).connect(...SETUP);
    a.sql(FILL);
    a.sql(`WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 3780)
      INSERT INTO t SELECT NULL, 0, zeroblob(300) FROM n`);
    a.sql("UPDATE t SET a = a + 0");
    expect(b.sql(SUM)).toBe(200);
    expect(a.sql("PRAGMA wal_checkpoint(RESTART)")).toBe(0);
    a.sql("UPDATE t SET a = a + 0");
    for (let i = 0, sum = 200; i < 60; i++) {
      expect(b.sql(SUM)).toBe(sum);
      const id = ((i * 37) % 200) + 1;
      a.sql(`UPDATE t SET a = a + 1 WHERE id = ${id}`);
      if (i % 10 === 0) a.sql("BEGIN; UPDATE t SET a = 9 WHERE id < 60; ROLLBACK");
      expect(b.sql(SUM)).toBe(++sum);
      b.sql(`UPDATE t SET a = a + 1 WHERE id = ${201 - id}`);
      expect(a.sql(SUM)).toBe(++sum);
    }
    expect(a.sql(CHECK)).toBe("ok");
  },

  //  A                              B                      C
  //                                                        BEGIN, reads
  //  rolls a large change back
  //                                 INSERT, restart
  //                                                        as before
  async "a transaction that spilled and rolled back leaves nothing in the index"(world) {
    const a = (await world.instance()).connect(...SETUP, "cache_size = 2");
    const b = (await world.instance()).connect(...SETUP);
    const c = (await world.instance()).connect(...SETUP);
    a.sql(FILL);
    expect(c.sql(`BEGIN; ${SUM}`)).toBe(200);
    a.sql("BEGIN IMMEDIATE; UPDATE t SET a = 5, pad = randomblob(300); ROLLBACK");
    b.sql("UPDATE t SET a = 2 WHERE id <= 100");
    expect(c.sql(SUM)).toBe(200);
    expect(a.sql(SUM)).toBe(300);
    c.sql("COMMIT");
    expect(c.sql(SUM)).toBe(300);
    expect(a.sql(CHECK)).toBe("ok");
  },

  //  A                              B
  //  BEGIN IMMEDIATE, spills, dies
  //                                 reads, writes, checkpoints
  async "an instance that dies as the writer takes nothing with it"(world) {
    const dying = await world.instance();
    const a = dying.connect(...SETUP, "cache_size = 2");
    const b = (await world.instance()).connect(...SETUP);
    a.sql(FILL);
    a.sql("BEGIN IMMEDIATE; UPDATE t SET a = 5, pad = randomblob(300)");
    expect(() => b.sql("BEGIN IMMEDIATE")).toThrow(/locked/);
    world.build.lockTable.reapSlot(world.shared, dying.slot);
    expect(b.sql(SUM)).toBe(200);
    b.sql("UPDATE t SET a = 2 WHERE id <= 100");
    expect(b.sql(SUM)).toBe(300);
    b.sql("PRAGMA wal_checkpoint(TRUNCATE)");
    expect(b.sql(CHECK)).toBe("ok");
  },

  //  A                                       B
  //  commits: inside the mutex, half a copy
  //  dies
  //                                          recovers the index from the log
  async "an instance that dies inside the mutex makes the next one recover"(world) {
    const { layout, lockTable } = world.build;
    const dying = await world.instance();
    const a = dying.connect(...SETUP);
    const b = (await world.instance()).connect(...SETUP);
    a.sql(FILL);
    expect(b.sql(SUM)).toBe(200);
    const control = new Int32Array(world.shared.control);
    new Uint8Array(world.shared.regions).fill(0xab, 0, 40);
    Atomics.store(control, layout.MUTEX, dying.slot + 1);
    lockTable.reapSlot(world.shared, dying.slot);
    expect(Atomics.load(control, layout.MUTEX)).toBe(0);
    expect(b.sql(SUM)).toBe(200);
    b.sql("UPDATE t SET a = 2 WHERE id <= 100");
    expect((await world.instance()).connect(...SETUP).sql(SUM)).toBe(300);
    expect(b.sql(CHECK)).toBe("ok");
  },

  //  A            B
  //  commits, closes
  //               reads: the log was kept for it
  //               closes: the last one empties the log
  //  opens again
  async "the last connection anywhere ends the log, and it starts anew"(world) {
    const a = (await world.instance()).connect(...SETUP);
    const instance = await world.instance();
    const b = instance.connect(...SETUP);
    a.sql(FILL);
    a.close();
    expect(b.sql(SUM)).toBe(200);
    b.sql("UPDATE t SET a = 2");
    b.close();
    const again = (await world.instance()).connect(...SETUP);
    expect(again.sql(SUM)).toBe(400);
    again.sql("UPDATE t SET a = 3");
    expect(instance.connect(...SETUP).sql(SUM)).toBe(600);
    expect(again.sql(CHECK)).toBe("ok");
  },

  //  A                       B
  //                          BEGIN, reads
  //  checkpoints as far as B lets it
  //                          as before
  async "a checkpoint stops at the oldest reader of any instance"(world) {
    const instance = await world.instance();
    const a = instance.connect(...SETUP);
    const b = (await world.instance()).connect(...SETUP);
    a.sql(FILL);
    a.sql("PRAGMA wal_checkpoint(TRUNCATE)");
    a.sql("UPDATE t SET pad = NULL WHERE id = 1");
    b.sql("BEGIN; SELECT count(*) FROM sqlite_schema");
    a.sql("UPDATE t SET a = 2");
    const step = world.interpose(
      instance,
      { operation: "tryExclusive", lock: CHECKPOINT },
      () => {},
    );
    a.sql("PRAGMA wal_checkpoint");
    expect(step.ran).toBe(true);
    expect(b.sql(SUM)).toBe(200);
    expect(a.sql("PRAGMA wal_checkpoint(RESTART)")).toBe(1);
    b.sql("COMMIT");
    expect(a.sql("PRAGMA wal_checkpoint(RESTART)")).toBe(0);
    expect(b.sql(SUM)).toBe(400);
  },

  //  A                          B
  //  BEGIN, UPDATE that spills
  //  ROLLBACK
  //                             UPDATE
  //  sees it, writes
  async "what a transaction has spilled and rolled back does not come over the next commit"(world) {
    const a = (await world.instance()).connect(...SETUP, "cache_size = 10");
    const b = (await world.instance()).connect(...SETUP);
    // With an empty log, the way back reads nothing of it, which would write what is held.
    a.sql(`${FILL}; PRAGMA wal_checkpoint(TRUNCATE)`);
    a.sql("BEGIN; UPDATE t SET a = 5; ROLLBACK");
    b.sql("UPDATE t SET a = 2");
    expect(a.sql(SUM)).toBe(400);
    a.sql("UPDATE t SET a = 3 WHERE id = 1");
    expect([a.sql(CHECK), b.sql(SUM)]).toEqual(["ok", 401]);
    const c = (await world.afterCrash().instance()).connect();
    expect([c.sql(CHECK), c.sql(SUM)]).toEqual(["ok", 401]);
  },

  //  A                       B                C
  //  INSERT
  //                          BEGIN, reads
  //  UPDATE, checkpoint: the last pages cannot be written
  //                                           sees all
  //                          COMMIT
  //  checkpoint
  async "a checkpoint that cannot write its last pages has copied none"(world) {
    const a = (await world.instance()).connect(...SETUP);
    const b = (await world.instance()).connect(...SETUP);
    a.sql(`${FILL}; PRAGMA wal_checkpoint(TRUNCATE); UPDATE t SET a = 2 WHERE id <= 40`);
    b.sql(`BEGIN; ${SUM}`);
    a.sql("UPDATE t SET a = 3 WHERE id = 200");
    world.fullFor = "w";
    a.sql("PRAGMA wal_checkpoint(PASSIVE)");
    world.fullFor = undefined;
    const c = (await world.instance()).connect();
    expect([a, b, c].map((db) => db.sql(SUM))).toEqual([242, 240, 242]);
    expect(c.sql(CHECK)).toBe("ok");
    b.sql("COMMIT");
    expect(a.sql("PRAGMA wal_checkpoint(TRUNCATE)")).toBe(0);
    const d = (await world.afterCrash().instance()).connect();
    expect([d.sql(CHECK), d.sql(SUM)]).toEqual(["ok", 242]);
  },

  //  A                             B
  //  BEGIN, UPDATE that spills: its frames cannot be written
  //                                sees nothing of it, UPDATE
  async "a transaction that has lost frames does not commit"(world) {
    const a = (await world.instance()).connect(...SETUP, "cache_size = 10");
    const b = (await world.instance()).connect(...SETUP);
    a.sql(FILL);
    a.sql("BEGIN; UPDATE t SET a = 5 WHERE id <= 60");
    world.fullFor = "w-wal";
    expect(() => a.sql(`UPDATE t SET a = 6; ${SUM}; COMMIT`)).toThrow();
    world.fullFor = undefined;
    try {
      a.sql("COMMIT");
    } catch {
      // It has been rolled back.
    }
    expect([a.sql(SUM), b.sql(SUM)]).toEqual([200, 200]);
    b.sql("UPDATE t SET a = 2");
    expect([a.sql(SUM), a.sql(CHECK)]).toEqual([400, "ok"]);
  },

  //  A                                 B
  //  fills the log, checkpoint
  //  UPDATE: the log begins anew
  //                                    reads, in blocks that hold old frames as well
  //  UPDATE: over the old frames
  //                                    sees it
  async "frames that come in place of old ones are read anew"(world) {
    const a = (await world.instance()).connect(...SETUP);
    const b = (await world.instance()).connect(...SETUP);
    a.sql(`${FILL}; PRAGMA wal_checkpoint; UPDATE t SET a = 2 WHERE id <= 20`);
    expect(b.sql(SUM)).toBe(220);
    a.sql("UPDATE t SET a = 3 WHERE id BETWEEN 21 AND 60");
    expect(b.sql(SUM)).toBe(300);
    expect(b.sql(CHECK)).toBe("ok");
  },

  //  A                                       B
  //  alone: UPDATE, UPDATE
  //  shares again: INSERT
  //                                          sees them, INSERT
  //  sees that
  async "what a connection on its own has committed is seen once it shares again"(world) {
    const a = (await world.instance()).connect(...SETUP);
    a.sql(`${FILL}; PRAGMA wal_checkpoint; UPDATE t SET a = 2 WHERE id = 1`);
    a.sql("PRAGMA locking_mode = exclusive; UPDATE t SET a = 5; UPDATE t SET a = 6 WHERE id > 100");
    a.sql("PRAGMA locking_mode = normal; UPDATE t SET a = 7 WHERE id = 200");
    const b = (await world.instance()).connect(...SETUP);
    expect(b.sql(SUM)).toBe(1101);
    b.sql("UPDATE t SET a = 8 WHERE id = 1");
    expect([a.sql(SUM), a.sql(CHECK)]).toEqual([1104, "ok"]);
    const c = (await world.afterCrash().instance()).connect();
    expect([c.sql(CHECK), c.sql(SUM)]).toEqual(["ok", 1104]);
  },

  //  A                                       B
  //  alone: UPDATE, dies
  //                                          sees it, UPDATE
  async "what a connection on its own has committed is seen when it has died"(world) {
    const one = await world.instance();
    const a = one.connect(...SETUP);
    a.sql(`${FILL}; UPDATE t SET a = 2 WHERE id = 1`);
    a.sql("PRAGMA locking_mode = exclusive; UPDATE t SET a = 5");
    one.die();
    const b = (await world.instance()).connect(...SETUP);
    expect(b.sql(SUM)).toBe(1000);
    b.sql("UPDATE t SET a = 6 WHERE id = 1");
    const c = (await world.afterCrash().instance()).connect();
    expect([c.sql(CHECK), c.sql(SUM)]).toEqual(["ok", 1001]);
  },

  //  A                                       B
  //  alone: BEGIN, UPDATE that spills, ROLLBACK
  //  shares again
  //                                          UPDATE
  //  sees it
  async "what a connection on its own has rolled back does not come over a later commit"(world) {
    const a = (await world.instance()).connect(...SETUP, "cache_size = 10");
    a.sql(`${FILL}; PRAGMA wal_checkpoint(TRUNCATE)`);
    a.sql("PRAGMA locking_mode = exclusive; BEGIN; UPDATE t SET a = 5; ROLLBACK");
    a.sql("PRAGMA locking_mode = normal; SELECT count(*) FROM sqlite_schema");
    const b = (await world.instance()).connect(...SETUP);
    b.sql("UPDATE t SET a = 2");
    expect([a.sql(SUM), a.sql(CHECK)]).toEqual([400, "ok"]);
    const c = (await world.afterCrash().instance()).connect();
    expect([c.sql(CHECK), c.sql(SUM)]).toEqual(["ok", 400]);
  },
};
