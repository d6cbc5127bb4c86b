// How a result is collected in the thread that owns SQLite. `RowBuilder` makes the caller's rows on
// the spot, for the calling thread; `RowPacker` (`codec.ts`) packs them for the way to another.

import type { IntegerMode, Row, RowSink, SqlValue } from "../types.ts";
import type { Want } from "./protocol.ts";

/** A sink that turns the cells of one result after another into what the request wants back. */
export interface RowCollector extends RowSink {
  /**
   * Starts a result. `endRow` answers false from the `mostRows`-th row on; rows beyond are still
   * taken in for `"objects"` and `"arrays"`, and dropped for the others, which want one row.
   */
  start(want: Want, mostRows: number): void;
  /** Rows of the current result so far. */
  readonly rows: number;
  /** The current result, in the form that this collector's reader understands. */
  take(): unknown;
}
