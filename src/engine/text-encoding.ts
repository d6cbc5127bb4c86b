// Databases whose text is kept in UTF-16, for builds that leave that out (SQLITE_OMIT_UTF16). Such a build
// takes what the header says for nothing: text of the schema looks damaged to it, and what it writes is UTF-8
// in a file that says otherwise.

import { StorageFault } from "../storage/storage.ts";
import { DATABASE_MAGIC } from "../types.ts";

const MAGIC = [...new TextEncoder().encode(DATABASE_MAGIC)];
/** Where the header has the text encoding, https://sqlite.org/fileformat2.html#text_encoding */
const ENCODING_AT = 56;
const HEADER_BYTES = 100;
const UTF_16 = new Map([
  [2, "UTF-16le"],
  [3, "UTF-16be"],
]);

/**
 * Looks at bytes that were read of the database `path`, or of its log: where they are its first page, its
 * text has to be in UTF-8. No other page starts like it.
 * @throws StorageFault (`unsupported`)
 */
export function checkTextEncoding(
  heap: Uint8Array,
  start: number,
  length: number,
  path: string,
): void {
  if (heap[start] !== MAGIC[0] || length < HEADER_BYTES) return;
  if (MAGIC.some((byte, i) => heap[start + i] !== byte)) return;
  const encoding = UTF_16.get(new DataView(heap.buffer).getUint32(start + ENCODING_AT));
  if (encoding === undefined) return;
  throw new StorageFault(
    "unsupported",
    `${path} keeps its text in ${encoding}, which this build of SQLite cannot read; open it with engine: "sql.js", or copy it into a database in UTF-8`,
  );
}
