import { expect, test } from "vitest";
import { WriteQueue } from "../../src/pool/write-queue.ts";

const holder = { pool: "p", connection: 3, sql: "UPDATE t SET a = 1" };

test("busy() blames the holder for as long as it has held the lock, and no longer", () => {
  const queue = new WriteQueue();
  const slow = queue.busyBehind({ ...holder, heldMs: 60 }, 50, undefined);
  expect(slow.message).toBe(
    'the database stayed locked for 50 ms: connection 3 of pool "p" has held it for 60 ms (UPDATE t SET a = 1); shorten that transaction or raise busyTimeout',
  );
  const many = queue.busyBehind({ ...holder, heldMs: 2 }, 50, undefined);
  expect(many.message).toContain("has held it for 2 ms (UPDATE t SET a = 1), and others before it");
  expect(queue.busy(50, undefined).message).toContain("another connection");
});
