import { expect, test } from "vitest";
import { RowPacker, unpackRows } from "../../src/rpc/codec.ts";
import { isWorthKeeping, SpareBuffers } from "../../src/rpc/spare-buffers.ts";

test("a buffer that has come back is used again, the smallest ones and the largest are not", () => {
  const spares = new SpareBuffers();
  const first = spares.take(100_000);
  expect(first.byteLength).toBeGreaterThanOrEqual(100_000);
  expect(isWorthKeeping(first.byteLength)).toBe(true);
  expect(spares.take(100_000)).not.toBe(first);
  spares.add(first);
  expect(spares.take(300_000)).not.toBe(first);
  expect(spares.take(90_000)).toBe(first);
  expect(spares.take(90_000)).not.toBe(first);
  expect(isWorthKeeping(spares.take(100).byteLength)).toBe(false);
  expect(spares.take(100 << 20).byteLength).toBe(100 << 20);
});

test("no more than two are kept, the latest", () => {
  const spares = new SpareBuffers();
  const buffers = [1, 2, 3].map(() => new ArrayBuffer(1 << 20));
  for (const buffer of buffers) spares.add(buffer);
  expect([spares.take(1 << 20), spares.take(1 << 20)]).toEqual(buffers.slice(1));
  expect(buffers).not.toContain(spares.take(1 << 20));
});

test("those that wait somewhere are asked for first", () => {
  const spares = new SpareBuffers();
  const buffer = new ArrayBuffer(1 << 20);
  spares.collect = () => spares.add(buffer);
  expect(spares.take(1 << 20)).toBe(buffer);
});

test("where no buffer comes back, a result is packed in no more than it takes", () => {
  const packer = new RowPacker();
  packer.start("arrays", Number.POSITIVE_INFINITY);
  packer.begin(["a"]);
  for (let row = 0; row < 20_000; row++) {
    packer.number(0, row + 0.5);
    packer.endRow();
  }
  const { buffer } = packer.take() as { buffer: ArrayBuffer };
  expect(buffer.byteLength).toBeLessThan(20_000 * 8 + 1000);
});

test("what a result was packed in before is nowhere in the next one", () => {
  const spares = new SpareBuffers();
  const packer = new RowPacker(spares);
  const heap = new Uint8Array(64).fill(0x78);
  const packed = (rows: number, cell: (row: number) => void) => {
    packer.start("arrays", Number.POSITIVE_INFINITY);
    packer.begin(["a"]);
    for (let row = 0; row < rows; row++) {
      cell(row);
      packer.endRow();
    }
    return packer.take() as { want: "arrays"; columns: string[]; buffer: ArrayBuffer };
  };
  const texts = packed(5_000, (row) => packer.text(0, heap, 0, 1 + (row % 64)));
  expect(isWorthKeeping(texts.buffer.byteLength)).toBe(true);
  new Uint8Array(texts.buffer).fill(0xff);
  spares.add(texts.buffer);
  const mixed = packed(20_000, (row) => {
    if (row % 3 === 0) packer.null(0);
    else if (row % 3 === 1) packer.number(0, row);
    else packer.text(0, heap, 0, row % 5);
  });
  expect(mixed.buffer).toBe(texts.buffer);
  expect(unpackRows(mixed)).toEqual(
    Array.from({ length: 20_000 }, (_, row) => [
      row % 3 === 0 ? null : row % 3 === 1 ? row : "x".repeat(row % 5),
    ]),
  );
});
