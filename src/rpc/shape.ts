// Makers of rows. A generated object or array literal gives V8 one hidden class per result and no
// look-ups by name; where a content security policy forbids generated code, loops do the same more
// slowly.

import type { Row, SqlValue } from "../types.ts";

/** The cells of one column, in the order of the rows. */
export type Column = ArrayLike<SqlValue>;

/** Makes rows of certain columns. */
export interface RowShape {
  /** The row with these cells, in column order. */
  object(cells: readonly SqlValue[]): Row;
  /** The first `count` rows of these columns. */
  objects(count: number, columns: readonly Column[]): Row[];
}

/** Beyond so many properties V8 keeps objects as dictionaries anyway. */
const MOST_GENERATED = 500;
const MOST_SHAPES = 64;

const shapes = new Map<string, RowShape>();
/** By the very array of names, which a statement that runs again gives again. */
const shapesByArray = new WeakMap<readonly string[], RowShape>();

/**
 * The shape of rows with these columns, remembered: a statement that runs again yields rows of the
 * same hidden class. Of two columns of one name the last wins.
 */
export function rowShape(columns: readonly string[]): RowShape {
  let shape = shapesByArray.get(columns);
  if (shape !== undefined) return shape;
  const key = JSON.stringify(columns);
  shape = shapes.get(key);
  if (shape === undefined) {
    if (shapes.size >= MOST_SHAPES) shapes.clear();
    shape = newShape(columns);
    shapes.set(key, shape);
  }
  shapesByArray.set(columns, shape);
  return shape;
}

function newShape(columns: readonly string[]): RowShape {
  const indexByName = [...new Map(columns.map((name, index) => [name, index]))];
  if (indexByName.length <= MOST_GENERATED) {
    try {
      return generatedShape(indexByName);
    } catch {
      // Generated code is forbidden here.
    }
  }
  return loopedShape(indexByName);
}

type IndexByName = readonly (readonly [string, number])[];

function generatedShape(indexByName: IndexByName): RowShape {
  const cells = indexByName.map(([name, index]) => `${key(name)}:c[${index}]`);
  const takes = indexByName.map(([, index]) => `c${index}=c[${index}]`);
  const picks = indexByName.map(([name, index]) => `${key(name)}:c${index}[i]`);
  return {
    object: new Function("c", `return {${cells}}`) as RowShape["object"],
    objects: new Function(
      "n",
      "c",
      `const ${["rows=new Array(n)", ...takes]};for(let i=0;i<n;i++)rows[i]={${picks}};return rows`,
    ) as RowShape["objects"],
  };
}

/** A plain `"__proto__":` would set the prototype; a computed one is a property like any other. */
function key(name: string): string {
  return name === "__proto__" ? `["__proto__"]` : JSON.stringify(name);
}

function loopedShape(indexByName: IndexByName): RowShape {
  return {
    object(cells) {
      const row: Row = {};
      for (const [name, index] of indexByName) define(row, name, cells[index] ?? null);
      return row;
    },
    objects(count, columns) {
      const rows = new Array<Row>(count);
      for (let i = 0; i < count; i++) {
        const row: Row = {};
        for (const [name, index] of indexByName) define(row, name, columns[index]?.[i] ?? null);
        rows[i] = row;
      }
      return rows;
    },
  };
}

function define(row: Row, name: string, value: SqlValue): void {
  if (name !== "__proto__") {
    row[name] = value;
    return;
  }
  Object.defineProperty(row, name, {
    value,
    enumerable: true,
    configurable: true,
    writable: true,
  });
}

type ArrayMaker = (count: number, columns: readonly Column[]) => SqlValue[][];

/** By the number of columns. */
const arrayMakers: (ArrayMaker | undefined)[] = [];

/** The first `count` rows of these columns as arrays. */
export function rowArrays(count: number, columns: readonly Column[]): SqlValue[][] {
  const width = columns.length;
  if (width > MOST_GENERATED) return loopedArrays(count, columns);
  let make = arrayMakers[width];
  if (make === undefined) {
    make = newArrayMaker(width);
    arrayMakers[width] = make;
  }
  return make(count, columns);
}

function newArrayMaker(width: number): ArrayMaker {
  const indexes = Array.from({ length: width }, (_, index) => index);
  const takes = indexes.map((index) => `c${index}=c[${index}]`);
  const picks = indexes.map((index) => `c${index}[i]`);
  const body = `const ${["rows=new Array(n)", ...takes]};for(let i=0;i<n;i++)rows[i]=[${picks}];return rows`;
  try {
    return new Function("n", "c", body) as ArrayMaker;
  } catch {
    // Generated code is forbidden here.
    return loopedArrays;
  }
}

function loopedArrays(count: number, columns: readonly Column[]): SqlValue[][] {
  const rows = new Array<SqlValue[]>(count);
  const width = columns.length;
  for (let i = 0; i < count; i++) {
    const row: SqlValue[] = [];
    for (let j = 0; j < width; j++) row.push(columns[j]?.[i] ?? null);
    rows[i] = row;
  }
  return rows;
}
