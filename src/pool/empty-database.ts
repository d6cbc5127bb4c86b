// The first page of a database without tables. SQLite writes it with the first table; until then the
// file has no bytes, which nothing but SQLite itself takes for a database.

import { DATABASE_MAGIC } from "../types.ts";

/** How the page is laid out, as the pragmas of these names tell. */
export interface Layout {
  readonly pageSize: number;
  /** 0 none, 1 full, 2 incremental. */
  readonly autoVacuum: number;
}

/** All bytes of an empty database, as `newDatabase` of SQLite's btree.c makes it. */
export function emptyDatabase({ pageSize, autoVacuum }: Layout): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(pageSize);
  const view = new DataView(bytes.buffer);
  // The header, https://sqlite.org/fileformat2.html#the_database_header
  bytes.set(new TextEncoder().encode(DATABASE_MAGIC));
  // 65,536 is written as 1.
  view.setUint16(16, pageSize === 65_536 ? 1 : pageSize);
  // Versions for a file without a log, no reserved bytes, and the three fractions of a page.
  bytes.set([1, 1, 0, 64, 32, 32], 18);
  const pages = 1;
  view.setUint32(28, pages);
  view.setUint32(52, autoVacuum === 0 ? 0 : 1);
  view.setUint32(64, autoVacuum === 2 ? 1 : 0);
  // A leaf of a table's tree without cells, https://sqlite.org/fileformat2.html#b_tree_pages. 65,536 is 0.
  bytes[100] = 13;
  view.setUint16(105, pageSize % 65_536);
  return bytes;
}
