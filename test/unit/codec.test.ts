import fc from "fast-check";
import { expect, test } from "vitest";
import {
  keepRow,
  type PackedTable,
  RowPacker,
  transferables,
  unpackRows,
} from "../../src/rpc/codec.ts";
import { copyBytes } from "../../src/rpc/copy-bytes.ts";
import type { Want } from "../../src/rpc/protocol.ts";
import { decodeText, encodeText } from "../../src/text.ts";
import type { Row, RowSink, SqlValue } from "../../src/types.ts";

/** A text as SQLite may hold it: bytes that need not be UTF-8. */
class RawText {
  readonly bytes: Uint8Array;
  constructor(...bytes: number[]) {
    this.bytes = Uint8Array.from(bytes);
  }
}

type Cell = SqlValue | RawText;

/** Plays the engine: cells come from a heap that is overwritten right after each call. */
function feed(sink: RowSink, columns: readonly string[], rows: readonly (readonly Cell[])[]): void {
  sink.begin(columns);
  for (const row of rows) {
    row.forEach((cell, i) => {
      feedCell(sink, i, cell);
    });
    if (!sink.endRow()) return;
  }
}

function feedCell(sink: RowSink, column: number, cell: Cell): void {
  if (cell === null) sink.null(column);
  else if (typeof cell === "number") sink.number(column, cell);
  else if (typeof cell === "bigint") sink.bigint(column, cell);
  else if (typeof cell === "string") {
    const heap = new Uint8Array(cell.length * 3 + 10).fill(0xff);
    const end = encodeText(cell, heap, 5);
    sink.text(column, heap, 5, end);
    heap.fill(0xee);
  } else if (cell instanceof RawText) {
    sink.text(column, cell.bytes, 0, cell.bytes.length);
  } else {
    const heap = new Uint8Array([7, ...cell, 7]);
    sink.blob(column, heap, 1, cell.length + 1);
    heap.fill(0xee);
  }
}

function read(cell: Cell | undefined): SqlValue {
  if (cell instanceof RawText) return decodeText(cell.bytes, 0, cell.bytes.length);
  return cell ?? null;
}

/** What the result has to be, said without any packing. */
function expected(want: Want, columns: readonly string[], rows: readonly (readonly Cell[])[]) {
  const arrays = rows.map((row) => row.map(read));
  const objects = arrays.map((row) => {
    const object: Row = {};
    columns.forEach((name, i) => {
      Object.defineProperty(object, name, {
        value: row[i],
        enumerable: true,
        configurable: true,
        writable: true,
      });
    });
    return object;
  });
  switch (want) {
    case "objects":
      return objects;
    case "arrays":
      return arrays;
    case "first":
      return objects[0];
    case "firstArray":
      return arrays[0];
    case "value":
      return arrays[0]?.[0];
    default:
      return undefined;
  }
}

function pack(packer: RowPacker, want: Want, columns: string[], rows: Cell[][]) {
  packer.start(want, Number.POSITIVE_INFINITY);
  feed(packer, columns, rows);
  const packed = packer.take();
  // As on its way to another thread.
  keepRow(packed);
  return structuredClone(packed, { transfer: transferables(packed) });
}

function roundTrip(want: Want, columns: string[], rows: Cell[][]): unknown {
  return unpackRows(pack(new RowPacker(), want, columns, rows));
}

/** Objects as lists: matchers take properties such as `constructor` for more than they are. */
function asEntries(result: unknown): unknown {
  if (Array.isArray(result)) return result.map(asEntries);
  if (result === null || typeof result !== "object" || result instanceof Uint8Array) return result;
  return { entries: Object.entries(result) };
}

const wants: Want[] = ["objects", "arrays", "first", "firstArray", "value", "changes"];

const anyText = fc.oneof(
  fc.string({ unit: "binary-ascii", maxLength: 40 }),
  fc.string({ unit: "binary", maxLength: 40 }),
  // Any UTF-16 units: lone surrogates, NUL, byte order marks.
  fc
    .array(fc.constantFrom(0, 0x41, 0xe9, 0x20ac, 0xd800, 0xdbff, 0xdc00, 0xdfff, 0xfeff), {
      maxLength: 12,
    })
    .map((units) => String.fromCharCode(...units)),
);
const anyInt = fc.integer();
const anyFloat = fc.double({ noNaN: true });
const anyBigint = fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n });
const anyBlob = fc.uint8Array({ maxLength: 100 });
const anyRaw = fc.array(fc.integer({ min: 0, max: 255 }), { maxLength: 6 }).map((bytes) => {
  return new RawText(...bytes);
});
const anyNull = fc.constant(null);

/** Columns of one kind, of one kind with NULLs, and of everything. */
const kindOfColumn: fc.Arbitrary<fc.Arbitrary<Cell>> = fc.constantFrom<fc.Arbitrary<Cell>[]>(
  anyNull,
  anyInt,
  anyFloat,
  anyBigint,
  anyText,
  anyBlob,
  fc.oneof(anyInt, anyNull),
  fc.oneof(anyFloat, anyNull),
  fc.oneof(anyText, anyNull),
  fc.oneof(anyBlob, anyText),
  fc.oneof(anyInt, anyBigint),
  fc.oneof(anyRaw, anyText),
  fc.oneof(anyNull, anyInt, anyFloat, anyBigint, anyText, anyBlob, anyRaw),
);

const anyName = fc.oneof(
  fc.string({ maxLength: 6 }),
  fc.constantFrom("id", "name", "__proto__", "constructor", "0", "7", 'a"b', "\u2028", "\ud800"),
);

const anyResult = fc.array(fc.tuple(anyName, kindOfColumn), { maxLength: 6 }).chain((columns) =>
  fc.record({
    columns: fc.constant(columns.map(([name]) => name)),
    rows: fc.array(fc.tuple(...columns.map(([, kind]) => kind)), { maxLength: 60 }),
  }),
);

test("unpackRows() gives what was packed, for every kind of result", () => {
  // One packer for all: nothing of a result may show up in the next.
  const packer = new RowPacker();
  fc.assert(
    fc.property(anyResult, fc.constantFrom(...wants), ({ columns, rows }, want) => {
      const unpacked = unpackRows(pack(packer, want, columns, rows));
      expect(asEntries(unpacked)).toStrictEqual(asEntries(expected(want, columns, rows)));
      if (want !== "objects") return;
      for (const row of unpacked as Row[]) {
        expect(Object.getPrototypeOf(row)).toBe(Object.prototype);
      }
    }),
    { numRuns: 1500 },
  );
});

test("unpackRows() keeps the sign of zero, infinities and integers beyond 32 bits", () => {
  const numbers = [0, -0, 1, 2 ** 31, -(2 ** 31), 2 ** 53 - 1, 0.5, Infinity, -Infinity];
  const rows = numbers.map((number) => [number, number === 0 ? 1 : 2]);
  expect(roundTrip("arrays", ["a", "b"], rows)).toStrictEqual(rows);
  expect(roundTrip("value", ["a"], [[-0]])).toBe(-0);
});

test("unpackRows() decodes texts over many chunks, ASCII or not", () => {
  const rows: Cell[][] = [];
  for (let i = 0; i < 9000; i++) {
    rows.push([`row ${i} in plain ASCII`, `Zeile ${i} — größer 🙂`, i % 3 === 0 ? null : `n${i}`]);
  }
  rows[4000] = ["x".repeat(200_000), "ü".repeat(200_000), ""];
  rows[4001] = ["", "", ""];
  rows[8000] = ["\ud800", "lone \udc00", "\ufeffBOM\0NUL"];
  expect(roundTrip("arrays", ["a", "b", "c"], rows)).toStrictEqual(rows);
});

test("unpackRows() does not join characters over the border of two texts", () => {
  const rows = [[new RawText(0xc3)], [new RawText(0xa9)], ["ü"], ["plain"]];
  expect(roundTrip("arrays", ["a"], rows)).toStrictEqual([
    ["\ufffd"],
    ["\ufffd"],
    ["ü"],
    ["plain"],
  ]);
});

test("unpackRows() makes `__proto__` a property and lets the last of two equal names win", () => {
  const [row] = roundTrip("objects", ["__proto__", "a", "a"], [["p", 1, 2]]) as Row[];
  expect(Object.getOwnPropertyDescriptor(row, "__proto__")?.value).toBe("p");
  expect(Object.getPrototypeOf(row)).toBe(Object.prototype);
  expect(row?.a).toBe(2);
});

test("unpackRows() gives blobs their own memory", () => {
  const rows = roundTrip("arrays", ["a"], [[Uint8Array.of(1, 2)], [Uint8Array.of(3)]]) as [
    Uint8Array,
  ][];
  expect(rows.map(([blob]) => blob.buffer.byteLength)).toEqual([2, 1]);
});

test("unpackRows() works where generated code is forbidden", () => {
  const generated = globalThis.Function;
  globalThis.Function = class {
    constructor() {
      throw new EvalError("Refused to evaluate a string as JavaScript");
    }
  } as unknown as FunctionConstructor;
  try {
    // Names no other test has, so that no remembered shape is used.
    const columns = ["csp", "__proto__", "csp2", "csp"];
    const rows = [[1, "p", null, "last"]];
    for (const want of wants) {
      expect(roundTrip(want, columns, rows)).toStrictEqual(expected(want, columns, rows));
    }
  } finally {
    globalThis.Function = generated;
  }
});

test("unpackRows() handles rows too wide for a literal", () => {
  const columns = Array.from({ length: 1200 }, (_, i) => `c${i}`);
  const rows = [columns.map((_, i) => i), columns.map((name) => name)];
  expect(roundTrip("objects", columns, rows)).toStrictEqual(expected("objects", columns, rows));
});

test("RowPacker.endRow() says enough at the limit and keeps one row of single-row wants", () => {
  const packer = new RowPacker();
  packer.start("arrays", 2);
  packer.begin(["a"]);
  const answers = [1, 2, 3].map((value) => {
    packer.number(0, value);
    return packer.endRow();
  });
  expect(answers).toEqual([true, false, false]);
  expect(packer.rows).toBe(3);
  expect(unpackRows(packer.take())).toEqual([[1], [2], [3]]);

  packer.start("firstArray", 1);
  packer.begin(["a", "b"]);
  for (const value of [1, 2, 3]) {
    packer.number(0, value);
    packer.text(1, Uint8Array.of(65), 0, 1);
    packer.endRow();
  }
  expect(packer.rows).toBe(3);
  expect(unpackRows(packer.take())).toEqual([1, "A"]);
});

test("RowPacker.start() drops what an abandoned result left", () => {
  const packer = new RowPacker();
  packer.start("arrays", 10);
  packer.begin(["a", "b"]);
  packer.number(0, 1);
  packer.start("arrays", 10);
  packer.begin(["a", "b"]);
  packer.null(0);
  packer.bigint(1, 5n);
  packer.endRow();
  expect(unpackRows(packer.take())).toEqual([[null, 5n]]);
});

test("a row that has not gone out when the next result begins stays what it was", () => {
  const packer = new RowPacker();
  const row = (value: number) => {
    packer.start("value", 1);
    packer.begin(["a"]);
    packer.number(0, value);
    packer.endRow();
    return packer.take();
  };
  const [first, second] = [row(1), row(2)];
  expect([unpackRows(first), unpackRows(second)]).toEqual([1, 2]);
});

test("transferables() moves large results and copies small ones", () => {
  const large = pack(new RowPacker(), "arrays", ["a"], [["x".repeat(100_000)]]);
  const small = pack(new RowPacker(), "arrays", ["a"], [["x"]]);
  expect(transferables(large)).toEqual([(large as PackedTable).buffer]);
  expect(transferables(small)).toEqual([]);
});

test("copyBytes() copies from anywhere in the heap, to its very end", () => {
  const heap = Uint8Array.from({ length: 1_000 }, (_, i) => i % 251);
  for (const length of [0, 1, 2, 3, 4, 5, 7, 8, 255, 256, 257, 600]) {
    for (const start of [0, 1, 3, 400 - 2, 1_000 - length]) {
      const to = new Uint8Array(700).fill(252);
      copyBytes(heap, start, start + length, new DataView(to.buffer), 5);
      expect(to.slice(5, 5 + length)).toEqual(heap.slice(start, start + length));
      expect(to.slice(0, 5)).toEqual(new Uint8Array(5).fill(252));
      expect(to.slice(5 + length + 3).every((byte) => byte === 252)).toBe(true);
    }
  }
});
