// The lock states of a rollback-journal database, among connections of two instances.

import { afterEach, expect, test, vi } from "vitest";
import {
  FileLock,
  LOCK_EXCLUSIVE,
  LOCK_NONE,
  LOCK_RESERVED,
  LOCK_SHARED,
} from "../../src/shm/file-lock.ts";
import { createSharedMemory, GEN, MUTEX, SHM_LOCKS, WRITE_LOCK } from "../../src/shm/layout.ts";
import { claimSlot, LockTable, reapSlot } from "../../src/shm/lock-table.ts";
import { WalIndex } from "../../src/shm/wal-index.ts";
import { newHeap } from "../helpers/heap.ts";

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

test("the number of a lock's holder stays as it is when another instance ends", () => {
  const memory = createSharedMemory();
  for (let i = 0; i < 4; i++) claimSlot(memory);
  const [holder, other] = [new LockTable(memory, 3), new LockTable(memory, 2)];
  const word = SHM_LOCKS + WRITE_LOCK;
  const load = Atomics.load.bind(Atomics) as (words: Int32Array, index: number) => number;
  let isTaken = false;
  // Between the look at the lock's word and what follows from it, the lock is taken.
  vi.spyOn(Atomics, "load").mockImplementation(((words: Int32Array, index: number) => {
    const value = load(words, index);
    if (index === word && !isTaken) isTaken = holder.tryExclusive(WRITE_LOCK);
    return value;
  }) as never);
  reapSlot(memory, 0);
  vi.restoreAllMocks();
  expect(isTaken && other.tryExclusive(WRITE_LOCK)).toBe(false);
  reapSlot(memory, 3);
  expect(other.tryExclusive(WRITE_LOCK)).toBe(true);
});

test.each([true, false])(
  "a lock that SQLite is refused is not held, exclusive: %s",
  (exclusive) => {
    const memory = createSharedMemory();
    const newIndex = () =>
      new WalIndex(memory, new LockTable(memory, claimSlot(memory) ?? 0), newHeap(1 << 20));
    const [index, other] = [newIndex(), newIndex()];
    const holder = { sharedMask: 0, exclusiveMask: 0 };
    index.map(holder, 0, true);
    const control = new Int32Array(memory.control);
    // Another instance has died inside of the mutex, and has changed something.
    Atomics.store(control, MUTEX, 2);
    Atomics.add(control, GEN, 1);
    let now = 0;
    vi.spyOn(performance, "now").mockImplementation(() => {
      now += 50;
      return now;
    });
    expect(() => index.lock(holder, WRITE_LOCK, 1, exclusive)).toThrow("stayed locked");
    vi.restoreAllMocks();
    Atomics.store(control, MUTEX, 0);
    expect(holder).toEqual({ sharedMask: 0, exclusiveMask: 0 });
    expect(other.lock({ sharedMask: 0, exclusiveMask: 0 }, WRITE_LOCK, 1, true)).toBe(true);
  },
);

test("a process that stood still does not give the mutex up for that", () => {
  const memory = createSharedMemory();
  const table = new LockTable(memory, 0);
  const control = new Int32Array(memory.control);
  Atomics.store(control, MUTEX, 2);
  let now = 0;
  let looks = 0;
  vi.spyOn(performance, "now").mockImplementation(() => {
    // The thread inside goes on as well, a little later than this one.
    if (++looks === 3) Atomics.store(control, MUTEX, 0);
    now += 60_000;
    return now;
  });
  table.enter();
  expect(Atomics.load(control, MUTEX)).toBe(1);
});
