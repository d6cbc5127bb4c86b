import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { LogFile } from "../../src/engine/log-file.ts";
import { createMemoryDisk, memoryStorage } from "../../src/storage/memory.ts";
import { StorageFault, type StorageFile } from "../../src/storage/storage.ts";
import { newHeap } from "../helpers/heap.ts";

function memoryFile(): StorageFile {
  return memoryStorage(createMemoryDisk("m")).open("m-wal", { create: true, readonly: false });
}

/** A log, and what is written to the file under it. */
function newLog() {
  const file = memoryFile();
  const writes: [number, number][] = [];
  const held: LogFile[] = [];
  const fails = { next: false };
  const holding = { allowed: true };
  const heap = newHeap(1 << 18);
  const under: StorageFile = {
    readonly: false,
    identity: 0,
    read: (...args) => file.read(...args),
    write: (bytes, start, length, offset) => {
      if (fails.next) {
        fails.next = false;
        throw new StorageFault("quota", "the disk is full");
      }
      writes.push([offset, length]);
      file.write(bytes, start, length, offset);
    },
    truncate: (size) => file.truncate(size),
    sync: () => {},
    isDeleted: () => false,
    isInPlace: () => true,
    sizeBytes: () => file.sizeBytes(),
    close: () => {},
  };
  const log = new LogFile(under, heap, {
    mayHold: () => holding.allowed,
    onCommit: () => {},
    onHold: (holder) => void held.push(holder),
    onClose: () => {},
  });
  const bytes = heap.u8();
  for (let i = 0; i < 8192; i++) bytes[i] = i;
  const put = (length: number, offset: number) => log.write(bytes, offset % 97, length, offset);
  return {
    log,
    file,
    under,
    heap,
    writes,
    held,
    fails,
    holding,
    put,
    /** Appends the `n`-th frame, with a page of 1,024 bytes. */
    frame(n: number, commits: boolean) {
      bytes.fill(0, 100, 124);
      if (commits) bytes[107] = 9;
      log.write(bytes, 100, 24, 32 + n * 1048);
      put(1024, 56 + n * 1048);
    },
  };
}

describe("LogFile", () => {
  test("frames that commit are written at once, each in one write", () => {
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

  test("the frames of a transaction are written when one of them commits", () => {
    const { frame, writes, held, log } = newLog();
    frame(0, true);
    writes.length = 0;
    for (let n = 1; n < 6; n++) frame(n, false);
    expect(writes).toEqual([]);
    frame(6, true);
    expect(writes).toEqual([[1080, 6 * 1048]]);
    expect(held).toEqual([log]);
  });

  test("so many frames as there is room for are one write", () => {
    const { frame, writes } = newLog();
    frame(0, true);
    writes.length = 0;
    for (let n = 1; n < 200; n++) frame(n, false);
    frame(200, true);
    const most = Math.floor(65_560 / 1048);
    expect(writes.map(([, length]) => length / 1048)).toEqual([most, most, most, 200 - 3 * most]);
  });

  test("what is dropped is not written, and the log goes on in front of it", () => {
    const { log, frame, writes, file } = newLog();
    frame(0, true);
    for (let n = 1; n < 4; n++) frame(n, false);
    log.drop();
    log.sync();
    expect(file.sizeBytes()).toBe(1080);
    writes.length = 0;
    frame(1, true);
    expect(writes).toEqual([
      [1080, 24],
      [1104, 1024],
    ]);
  });

  test("where frames are lost, no frame behind them is taken until the transaction has ended", () => {
    for (const ends of [true, false]) {
      const { log, frame, fails, put, file } = newLog();
      frame(0, true);
      frame(1, false);
      frame(2, false);
      fails.next = true;
      expect(() => log.read(new Uint8Array(8), 0, 8, 0)).toThrow(/disk is full/);
      expect(() => frame(3, true)).toThrow(/disk is full/);
      expect(() => put(1024, 2152)).toThrow(/disk is full/);
      expect(() => log.read(new Uint8Array(8), 0, 8, 1104)).toThrow(/disk is full/);
      expect(log.read(new Uint8Array(8), 0, 8, 0)).toBe(8);
      if (ends) log.drop();
      else frame(1, true);
      frame(2, true);
      expect(file.sizeBytes()).toBe(32 + 3 * 1048);
    }
  });

  test("a page that is written again in front of lost frames does not make up for them", () => {
    const { log, frame, fails, put } = newLog();
    frame(0, true);
    for (let n = 1; n < 4; n++) frame(n, false);
    log.sync();
    for (let n = 4; n < 7; n++) frame(n, false);
    fails.next = true;
    expect(() => log.read(new Uint8Array(8), 0, 8, 0)).toThrow(/disk is full/);
    put(1024, 56 + 1048);
    expect(() => frame(7, true)).toThrow(/disk is full/);
  });

  test("where no end of a transaction would be told of, every frame is written at once", () => {
    const { log, frame, holding, writes, fails } = newLog();
    holding.allowed = false;
    frame(0, false);
    writes.length = 0;
    frame(1, false);
    frame(2, true);
    expect(writes).toEqual([
      [1080, 1048],
      [2128, 1048],
    ]);
    fails.next = true;
    expect(() => frame(3, false)).toThrow(/disk is full/);
    expect(log.read(new Uint8Array(8), 0, 8, 4000)).toBe(0);
  });

  test("a commit that cannot be written fails itself", () => {
    const { frame, fails, file } = newLog();
    frame(0, true);
    frame(1, false);
    fails.next = true;
    expect(() => frame(2, true)).toThrow(/disk is full/);
    expect(file.sizeBytes()).toBe(1080);
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
    expect(
      () =>
        new LogFile(under, newHeap(1024), {
          mayHold: () => true,
          onCommit() {},
          onHold() {},
          onClose() {},
        }),
    ).toThrow(/no memory/);
  });

  test("the bytes are those of a plain file after any sequence of calls", () => {
    const size = fc.constantFrom(24, 24, 32, 512);
    const write = fc.record({ write: size, at: fc.integer({ min: 0, max: 6 }), value: fc.nat(2) });
    const step = fc.oneof(
      { weight: 8, arbitrary: write },
      { weight: 1, arbitrary: fc.constant("sync" as const) },
      { weight: 1, arbitrary: fc.constant("read" as const) },
    );
    fc.assert(
      fc.property(fc.array(step, { maxLength: 40 }), (steps) => {
        const { log, file, heap } = newLog();
        const plain = memoryFile();
        for (const each of steps) {
          if (each === "sync") log.sync();
          else if (each === "read") log.read(new Uint8Array(8), 0, 8, 0);
          else {
            const bytes = heap.u8().fill(each.value, 0, each.write);
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
