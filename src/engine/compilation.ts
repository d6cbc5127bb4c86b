// What SQLite's authorizer tells while a statement is compiled: what kind of statement it is, and
// which tables it reads and writes. SQLite names them all, those behind views, triggers and foreign
// keys too, so nothing has to be parsed here.
//
// The update and preupdate hooks are called for each row, and yet miss changes: of virtual tables, of the
// schema, and the former also of WITHOUT ROWID tables and of what REPLACE removes. The latter keeps
// SQLite from emptying a table at once, which makes a DELETE without WHERE far slower. The
// authorizer's answer costs nothing per row and misses nothing; the commit and rollback hooks
// (`change-tracker.ts`) say what became of it.

import type { Tables } from "../types.ts";
import * as code from "./codes.ts";
import { asksJournalMode, taints } from "./taint.ts";

/** What running a statement may change. */
export interface Writes {
  readonly tables: Tables;
  /** It changes them even where it counts no rows as changed. */
  readonly uncounted: boolean;
}

/** A statement that SQLite calls a write, and that names no table: `PRAGMA user_version = 1`. */
const UNNAMED: Writes = { tables: [], uncounted: true };

const SCHEMA_TABLE = "sqlite_schema";
/** What the authorizer calls it. */
const SCHEMA_TABLE_OF_OLD = "sqlite_master";

/** https://sqlite.org/dbpage.html */
const PAGES_TABLE = "sqlite_dbpage";
/** The schema of what is the connection's own. */
const TEMP = "temp";

/** The pragma that analyzes tables, as a table: nothing is said of it before it runs. */
const OPTIMIZE_TABLE = /\bpragma_optimize\b/i;

/** Tables whose content follows from other tables, without a word to the authorizer. */
const DERIVED = /^(?:dbstat|sqlite_dbpage|sqlite_sequence|sqlite_stat\d|pragma_.*)$/;

/** Notes what the authorizer is asked while one statement is compiled. */
export class Compilation {
  taints = false;
  asksJournalMode = false;
  /** SQLite calls it readonly, and has it run others that are not. */
  runsWrites: boolean;
  #written: Set<string> | undefined;
  /** By a statement that is there for it. */
  changesSchema = false;
  /** BEGIN, COMMIT or ROLLBACK. */
  controlsTransaction = false;
  #writesSchema = false;
  #writesPages = false;
  /** Tables that SQLite keeps by itself and that are not told by name. */
  #writesUnnamed = false;
  #read: Set<string> | undefined;
  #readsAny = false;

  /** @param reads note the tables that the statement reads, too */
  constructor(sql: string, reads: boolean) {
    this.runsWrites = OPTIMIZE_TABLE.test(sql);
    if (reads) this.#read = new Set();
  }

  get notesReads(): boolean {
    return this.#read !== undefined;
  }

  /** The tables the statement reads. */
  get reads(): Tables {
    return this.#readsAny ? "any" : [...(this.#read ?? [])];
  }

  /** What a statement that SQLite calls a write may change; undefined: nothing others could see. */
  get writes(): Writes | undefined {
    const written = this.#written;
    if (written === undefined) return UNNAMED;
    const uncounted = this.#writesSchema;
    // Whoever writes the schema or whole pages by hand may have changed any table.
    const byHand = (uncounted && !this.changesSchema) || this.#writesPages;
    if (byHand) return { tables: "any", uncounted };
    return written.size > 0 || this.#writesUnnamed
      ? { tables: [...written], uncounted }
      : undefined;
  }

  /** Parameters as {@link taints} has them. */
  note(action: number, first: string, second: string | undefined, schema: string): void {
    if (taints(action, first, second, schema)) this.taints = true;
    if (asksJournalMode(action, first, second)) this.asksJournalMode = true;
    switch (action) {
      case code.ACTION_TRANSACTION:
        this.controlsTransaction = true;
        break;
      case code.ACTION_READ:
        this.#noteRead(first, schema);
        break;
      case code.ACTION_PRAGMA:
        this.#readsAny = true;
        if (first.toLowerCase() === "optimize") this.runsWrites = true;
        break;
      case code.ACTION_INSERT:
      case code.ACTION_UPDATE:
      case code.ACTION_DELETE:
        this.#noteWrite(first, schema);
        break;
      case code.ACTION_CREATE_TABLE:
      case code.ACTION_CREATE_VIEW:
      case code.ACTION_CREATE_VTABLE:
      case code.ACTION_DROP_TABLE:
      case code.ACTION_DROP_VIEW:
      case code.ACTION_DROP_VTABLE:
        this.changesSchema = true;
        this.#noteWrite(first, schema);
        break;
      case code.ACTION_ALTER_TABLE:
        // Here it is the first detail that has the schema.
        this.changesSchema = true;
        if (second !== undefined) this.#noteWrite(second, first);
        break;
      case code.ACTION_CREATE_INDEX:
      case code.ACTION_DROP_INDEX:
      case code.ACTION_CREATE_TRIGGER:
      case code.ACTION_DROP_TRIGGER:
        this.changesSchema = true;
        break;
      default:
    }
  }

  #noteRead(table: string, schema: string): void {
    if (DERIVED.test(table)) this.#readsAny = true;
    const name = qualified(table, schema);
    if (name !== undefined) this.#read?.add(name);
  }

  #noteWrite(table: string, schema: string): void {
    this.#written ??= new Set();
    if (schema === TEMP) return;
    const name = qualified(table, schema);
    if (name === undefined) this.#writesUnnamed = true;
    else this.#written.add(name);
    if (table === SCHEMA_TABLE_OF_OLD) this.#writesSchema = true;
    if (table === PAGES_TABLE) this.#writesPages = true;
  }
}

/** The name a table is told by; undefined for one that is not told of. */
export function qualified(table: string, schema: string): string | undefined {
  if (schema === TEMP) return undefined;
  const name = table === SCHEMA_TABLE_OF_OLD ? SCHEMA_TABLE : table;
  // SQLite keeps its other tables by itself, and does not tell of all it does to them.
  if (name.startsWith("sqlite_") && name !== SCHEMA_TABLE) return undefined;
  return schema === "main" || schema === "" ? name : `${schema}.${name}`;
}
