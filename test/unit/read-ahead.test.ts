import { describe, expect, test } from "vitest";
import { ReadAheadFile } from "../../src/engine/read-ahead.ts";
import { createMemoryDisk, memoryStorage } from "../../src/storage/memory.ts";
import { newHeap } from "../helpers/heap.ts";

const PAGE = 1024;

/** A file of ten pages, page n filled with n, and the reads that reach it. */
function newFile(heap = newHeap(16 * PAGE)) {
  const file = memoryStorage(createMemoryDisk("m")).open("m", { create: true, readonly: false });
  for (let n = 0; n < 10; n++) file.write(new Uint8Array(PAGE).fill(n), 0, PAGE, n * PAGE);
  const reads: [number, number][] = [];
  const ahead = new ReadAheadFile(
    {
      readonly: false,
      identity: 0,
      read: (...args) => {
        reads.push([args[3], args[2]]);
        return file.read(...args);
      },
      write: (...args) => file.write(...args),
      truncate: (size) => file.truncate(size),
      sync: () => {},
      isDeleted: () => false,
      isInPlace: () => true,
      sizeBytes: () => file.sizeBytes(),
      close: () => {},
    },
    4 * PAGE,
    heap,
  );
  const page = (n: number) => {
    const bytes = heap.u8().fill(99, 0, PAGE + 2);
    const got = ahead.read(bytes, 1, PAGE, n * PAGE);
    expect([bytes[0], bytes[PAGE + 1]]).toEqual([99, 99]);
    return got === PAGE ? bytes[1] : `${got} bytes`;
  };
  return { file, heap, ahead, reads, page };
}

describe("ReadAheadFile", () => {
  test("a file read from front to back is read in blocks", () => {
    const { page, reads } = newFile();
    expect(Array.from({ length: 11 }, (_, n) => page(n))).toEqual([
      0,
      1,
      2,
      3,
      4,
      5,
      6,
      7,
      8,
      9,
      "0 bytes",
    ]);
    expect(reads).toEqual([
      [0, PAGE],
      [PAGE, 4 * PAGE],
      [5 * PAGE, 4 * PAGE],
      [9 * PAGE, 4 * PAGE],
      [10 * PAGE, 4 * PAGE],
    ]);
  });

  test("pages here and there are read one by one", () => {
    const { page, reads } = newFile();
    expect([page(7), page(2), page(5), page(4)]).toEqual([7, 2, 5, 4]);
    expect(reads.every(([, length]) => length === PAGE)).toBe(true);
  });

  test("without memory for the block, pages are read one by one", () => {
    const { page, reads } = newFile(newHeap(4 * PAGE));
    expect([page(0), page(1), page(2)]).toEqual([0, 1, 2]);
    expect(reads.every(([, length]) => length === PAGE)).toBe(true);
  });

  test("close() gives the block back", () => {
    const { ahead, heap, page } = newFile();
    page(0);
    page(1);
    ahead.close();
    expect(heap.freed).toEqual([8 * PAGE]);
  });

  test("forget(), write() and truncate() drop the block", () => {
    const drops: ((made: ReturnType<typeof newFile>) => unknown)[] = [
      ({ ahead }) => ahead.forget(),
      ({ ahead }) => ahead.write(new Uint8Array(1), 0, 1, 0),
      ({ ahead }) => ahead.truncate(10 * PAGE),
    ];
    for (const drop of drops) {
      const made = newFile();
      expect([made.page(0), made.page(1)]).toEqual([0, 1]);
      made.file.write(new Uint8Array(PAGE).fill(50), 0, PAGE, 2 * PAGE);
      drop(made);
      expect(made.page(2)).toBe(50);
    }
  });

  test("a few bytes are always read anew", () => {
    const { ahead, page, reads } = newFile();
    page(0);
    page(1);
    reads.length = 0;
    ahead.read(new Uint8Array(16), 0, 16, 2 * PAGE + 24);
    expect(reads).toEqual([[2 * PAGE + 24, 16]]);
    expect(page(2)).toBe(2);
  });
});
