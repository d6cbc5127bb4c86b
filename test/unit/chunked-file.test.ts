import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { type Chunk, ChunkedFile, chunkCount } from "../../src/storage/chunked-file.ts";

const CHUNK = 8;

/** A file of plain bytes, and what is kept of it. */
class Model {
  bytes: number[] | undefined;
  kept: number[] | undefined;

  write(text: number[], offset: number): void {
    const bytes = this.bytes ?? [];
    while (bytes.length < offset) bytes.push(0);
    bytes.splice(offset, text.length, ...text);
    this.bytes = bytes;
  }

  truncate(size: number): void {
    const bytes = this.bytes ?? [];
    while (bytes.length < size) bytes.push(0);
    this.bytes = bytes.slice(0, size);
  }
}

/** What keeps a file elsewhere: chunk by chunk, as copies. */
class Keeper {
  readonly chunks = new Map<number, Chunk>();
  sizeBytes = 0;
  exists = false;

  keep(file: ChunkedFile): void {
    for (const { index, chunk } of file.changes.written) this.chunks.set(index, chunk.slice());
    for (const index of file.changes.dropped) expect(this.chunks.delete(index)).toBe(true);
    this.sizeBytes = file.sizeBytes;
    this.exists = file.exists;
  }

  load(): ChunkedFile {
    if (!this.exists) return new ChunkedFile(CHUNK);
    const count = chunkCount(this.sizeBytes, CHUNK);
    expect([...this.chunks.keys()].sort((a, b) => a - b)).toEqual([...Array(count).keys()]);
    const chunks = Array.from({ length: count }, (_, i) => this.chunks.get(i) as Chunk);
    return new ChunkedFile(CHUNK, { chunks, sizeBytes: this.sizeBytes });
  }
}

function bytesOf(file: ChunkedFile): number[] | undefined {
  if (!file.exists) return undefined;
  const heap = new Uint8Array(file.sizeBytes + 5);
  expect(file.read(heap, 0, heap.length, 0)).toBe(file.sizeBytes);
  return [...heap.subarray(0, file.sizeBytes)];
}

const step = fc.oneof(
  fc.record({
    type: fc.constant("write" as const),
    bytes: fc.array(fc.integer({ min: 1, max: 255 }), { minLength: 1, maxLength: 30 }),
    offset: fc.nat(60),
  }),
  fc.record({ type: fc.constant("truncate" as const), size: fc.nat(60) }),
  fc.record({ type: fc.constantFrom("create", "remove", "keep", "revert", "reload") }),
);

describe("ChunkedFile", () => {
  test("is a file like any other, and goes back to what was kept", () => {
    const property = fc.property(fc.array(step, { maxLength: 40 }), (steps) => {
      const model = new Model();
      const keeper = new Keeper();
      let file = new ChunkedFile(CHUNK);
      for (const each of steps) {
        if (each.type === "write") {
          file.write(Uint8Array.from([9, ...each.bytes]), 1, each.bytes.length, each.offset);
          model.write(each.bytes, each.offset);
        } else if (each.type === "truncate") {
          file.create();
          file.truncate(each.size);
          model.truncate(each.size);
        } else if (each.type === "create") {
          file.create();
          model.bytes ??= [];
        } else if (each.type === "remove") {
          file.remove();
          model.bytes = undefined;
        } else if (each.type === "keep") {
          keeper.keep(file);
          file.settle();
          model.kept = model.bytes?.slice();
        } else if (each.type === "revert") {
          file.revert();
          model.bytes = model.kept?.slice();
        } else {
          file = keeper.load();
          model.bytes = model.kept?.slice();
        }
        expect(bytesOf(file)).toEqual(model.bytes);
        if (!file.isChanged) expect(model.bytes).toEqual(model.kept);
      }
    });
    fc.assert(property, { numRuns: 500 });
  });

  test("writes only the chunks that changed", () => {
    const file = new ChunkedFile(CHUNK);
    file.write(new Uint8Array(CHUNK * 4), 0, CHUNK * 4, 0);
    file.settle();
    expect(file.isChanged).toBe(false);
    file.write(Uint8Array.of(1, 2), 0, 2, CHUNK * 2 - 1);
    expect(file.changes.written.map(({ index }) => index)).toEqual([1, 2]);
    expect(file.changes.dropped).toEqual([]);
    file.truncate(CHUNK);
    expect(file.changes).toEqual({ written: [], dropped: [1, 2, 3] });
  });

  test("what came and went since it was kept leaves nothing to do", () => {
    const file = new ChunkedFile(CHUNK);
    file.create();
    file.write(Uint8Array.of(1), 0, 1, 100);
    file.remove();
    expect(file.isChanged).toBe(false);
  });
});
