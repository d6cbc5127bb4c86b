// The lock states of a rollback-journal database, among connections of two instances.

import { afterEach, expect, test, vi } from "vitest";
import {
  FileLock,
  LOCK_EXCLUSIVE,
  LOCK_NONE,
  LOCK_RESERVED,
  LOCK_SHARED,
} from "../../src/shm/file-lock.ts";
import { createSharedMemory } from "../../src/shm/layout.ts";
import { LockTable } from "../../src/shm/lock-table.ts";

afterEach(() => {
  vi.restoreAllMocks();
});

const free = () => ({ level: LOCK_NONE });

function twoInstances() {
  const memory = createSharedMemory();
  return [new FileLock(new LockTable(memory, 0)), new FileLock(new LockTable(memory, 1))] as const;
}

test("a writer waits for the readers that are there, and keeps new ones out meanwhile", () => {
  const [one, two] = twoInstances();
  const [reader, second, writer] = [free(), free(), free()];
  expect(one.lock(reader, LOCK_SHARED)).toBe(true);
  expect(two.lock(writer, LOCK_SHARED) && two.lock(writer, LOCK_RESERVED)).toBe(true);
  expect(one.lock(second, LOCK_SHARED)).toBe(true);
  expect(two.lock(writer, LOCK_EXCLUSIVE)).toBe(false);
  expect(one.lock(free(), LOCK_SHARED)).toBe(false);
  one.unlock(reader, LOCK_NONE);
  expect(two.lock(writer, LOCK_EXCLUSIVE)).toBe(false);
  one.unlock(second, LOCK_NONE);
  expect(two.lock(writer, LOCK_EXCLUSIVE)).toBe(true);
});

test("who rolls a hot journal back is no writer to others", () => {
  const [one, two] = twoInstances();
  const [recovering, other] = [free(), free()];
  two.lock(other, LOCK_SHARED);
  one.lock(recovering, LOCK_SHARED);
  // Without RESERVED: it has to wait for the other one, and keeps PENDING meanwhile.
  expect(one.lock(recovering, LOCK_EXCLUSIVE)).toBe(false);
  expect(two.isReserved()).toBe(false);
  one.unlock(recovering, LOCK_NONE);
  expect(one.lock(recovering, LOCK_SHARED) && one.lock(recovering, LOCK_RESERVED)).toBe(true);
  expect(two.isReserved()).toBe(true);
});

test.each(["before", "after"])(
  "a reader that is refused does not take the lock from another one of its instance, PENDING coming %s its look",
  (when) => {
    const [one, two] = twoInstances();
    const [reader, second, writer] = [free(), free(), free()];
    one.lock(reader, LOCK_SHARED);
    two.lock(writer, LOCK_SHARED);
    two.lock(writer, LOCK_RESERVED);
    const exclude = () => expect(two.lock(writer, LOCK_EXCLUSIVE)).toBe(false);
    if (when === "before") exclude();
    else {
      // Between setting the bit and the second look, where there is one.
      const { or } = Atomics;
      vi.spyOn(Atomics, "or").mockImplementationOnce((...args: Parameters<typeof or>) => {
        const before = or(...args);
        exclude();
        return before;
      });
    }
    one.lock(second, LOCK_SHARED);
    vi.restoreAllMocks();
    expect(two.lock(writer, LOCK_EXCLUSIVE)).toBe(false);
    one.unlock(reader, LOCK_NONE);
    if (second.level !== LOCK_NONE) one.unlock(second, LOCK_NONE);
    expect(two.lock(writer, LOCK_EXCLUSIVE)).toBe(true);
  },
);
