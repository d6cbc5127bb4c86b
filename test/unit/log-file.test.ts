import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { LogFile } from "../../src/engine/log-file.ts";
import { createMemoryDisk, memoryStorage } from "../../src/storage/memory.ts";
import type { StorageFile } from "../../src/storage/storage.ts";
import { newHeap } from "../helpers/heap.ts";

function memoryFile(): StorageFile {
  return memoryStorage(createMemoryDisk("m")).open("m-wal", { create: true, readonly: false });
}

/** A log, and what is written to the file under it. */
function newLog() {
  const file = memoryFile();
  const writes: [number, number][] = [];
  const heap = newHeap(1 << 18);
  const under: StorageFile = {
    readonly: false,
    identity: 0,
    read: (...args) => file.read(...args),
    write: (bytes, start, length, offset) => {
      writes.push([offset, length]);
      file.write(bytes, start, length, offset);
    },
    truncate: (size) => file.truncate(size),
    sync: () => {},
    isDeleted: () => false,
    sizeBytes: () => file.sizeBytes(),
    close: () => {},
  };
  const log = new LogFile(under, heap);
  const bytes = heap.u8();
  for (let i = 0; i < 8192; i++) bytes[i] = i;
  return {
    log,
    file,
    under,
    heap,
    writes,
    put: (length: number, offset: number) => log.write(bytes, offset % 97, length, offset),
  };
}

describe("LogFile", () => {
  test("frames that are appended take one write each", () => {
    const { put, writes } = newLog();
    put(32, 0);
    for (let i = 0; i < 3; i++) {
      put(24, 32 + i * 1048);
      put(1024, 56 + i * 1048);
    }
    expect(writes).toEqual([
      [0, 32],
      [32, 24],
      [56, 1024],
      [1080, 1048],
      [2128, 1048],
    ]);
  });

  test("a header that is rewritten in place is written at once", () => {
    const { log, put, writes } = newLog();
    put(24, 32);
    put(1024, 56);
    put(1024, 56);
    writes.length = 0;
    put(24, 1080);
    put(24, 32);
    expect(writes).toEqual([
      [1080, 24],
      [32, 24],
    ]);
    log.close();
  });

  test("whatever comes after a header finds it in the file", () => {
    const ends: ((log: LogFile, heap: Uint8Array) => unknown)[] = [
      (log) => log.sync(),
      (log) => log.sizeBytes(),
      (log) => log.read(new Uint8Array(1), 0, 1, 0),
      (log) => log.close(),
      (log) => log.truncate(5000),
      (log, heap) => log.write(heap, 0, 24, 9000),
      (log, heap) => log.write(heap, 0, 100, 9000),
    ];
    for (const end of ends) {
      const { log, heap, put, writes } = newLog();
      put(24, 32);
      put(1024, 56);
      put(24, 1080);
      expect(writes).toHaveLength(2);
      end(log, heap.u8());
      expect(writes[2]).toEqual([1080, 24]);
    }
  });

  test("close() gives the memory back; without memory there is no log", () => {
    const { log, under, heap } = newLog();
    log.close();
    expect(heap.freed).toEqual([1 << 17]);
    expect(() => new LogFile(under, newHeap(1024))).toThrow(/no memory/);
  });

  test("the bytes are those of a plain file after any sequence of calls", () => {
    const size = fc.constantFrom(24, 24, 32, 512);
    const step = fc.oneof(
      { weight: 8, arbitrary: fc.record({ write: size, at: fc.integer({ min: 0, max: 6 }) }) },
      { weight: 1, arbitrary: fc.constant("sync" as const) },
      { weight: 1, arbitrary: fc.constant("read" as const) },
    );
    fc.assert(
      fc.property(fc.array(step, { maxLength: 40 }), (steps) => {
        const { log, file, heap } = newLog();
        const plain = memoryFile();
        let value = 0;
        for (const each of steps) {
          if (each === "sync") log.sync();
          else if (each === "read") log.read(new Uint8Array(8), 0, 8, 0);
          else {
            const bytes = heap.u8().fill(++value, 0, each.write);
            const offset =
              each.write === 24 || each.write === 32 ? each.at * 536 : each.at * 536 + 24;
            for (const target of [log, plain]) target.write(bytes, 0, each.write, offset);
          }
        }
        log.sync();
        const [got, expected] = [new Uint8Array(8192), new Uint8Array(8192)];
        expect(file.read(got, 0, 8192, 0)).toBe(plain.read(expected, 0, 8192, 0));
        expect(got).toEqual(expected);
      }),
    );
  });
});
