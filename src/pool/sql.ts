// SQL as the caller gave it: text, or a tagged template that carries its parameters.

import type { WireParams } from "../rpc/protocol.ts";
import type { BindParams, BindValue, NamedParams } from "../types.ts";
import { describe, normalizeParams } from "./params.ts";

/** A statement with its parameters, as the tag {@link sql} makes it. */
export class SqlQuery {
  /** The text, with a `?` for each value. */
  readonly sql: string;
  /** The values, in the order of their `?`. */
  readonly params: readonly BindValue[];

  constructor(text: string, params: readonly BindValue[]) {
    this.sql = text;
    this.params = params;
  }
}

/**
 * Tag for a statement whose `${values}` become parameters; another query is spliced in with its own.
 * @example db.query(sql`SELECT * FROM users WHERE id = ${id}`)
 */
export function sql(
  strings: TemplateStringsArray,
  ...values: readonly (BindValue | SqlQuery)[]
): SqlQuery {
  let text = strings[0] ?? "";
  const params: BindValue[] = [];
  for (const [i, value] of values.entries()) {
    if (value instanceof SqlQuery) {
      text += value.sql;
      params.push(...value.params);
    } else {
      text += "?";
      params.push(value);
    }
    text += strings[i + 1] ?? "";
  }
  return new SqlQuery(text, params);
}

/** SQL as text, or as a tagged template that carries its parameters. */
export type Sql = string | SqlQuery;

/** One statement of a batch. */
export interface BatchStatement<Params = BindParams> {
  readonly sql: Sql;
  /** None for a tagged template, which carries its own. */
  readonly params?: Params | undefined;
}

/**
 * The statements of a batch, `List`, with parameters of types of their own (see {@link NamedParams}) and
 * without properties that no statement has.
 */
export type BatchStatements<List> = {
  readonly [Index in keyof List]: BatchStatement<
    List[Index] extends { readonly params: infer Params }
      ? BindParams | NamedParams<Params>
      : BindParams
  > & {
    readonly [Name in Exclude<keyof List[Index], keyof BatchStatement>]: never;
  };
};

/** A statement whose parameters are checked, and its own. */
export interface Statement {
  readonly sql: string;
  readonly params: WireParams;
}

/** Text and checked parameters, copied. @throws TypeError */
export function toStatement(query: Sql, params: object | undefined): Statement {
  if (typeof query === "string") return { sql: query, params: normalizeParams(params) };
  const sql = textOf(query);
  if (params !== undefined && Object.keys(params).length > 0) {
    throw new TypeError("a tagged template carries its parameters; give it no others");
  }
  return { sql, params: normalizeParams(query.params) };
}

/** The same for later, with the parameters as they are now; what is wrong with them is thrown then. */
export function statementNow(query: Sql, params: object | undefined): () => Statement {
  try {
    const statement = toStatement(query, params);
    return () => statement;
  } catch (thrown) {
    return () => {
      throw thrown;
    };
  }
}

/** The statements of a batch, as {@link toStatement} makes them. @throws TypeError */
export function toStatements(batch: unknown): Statement[] {
  if (!Array.isArray(batch)) throw new TypeError("a batch is an array of { sql, params }");
  return Array.from(batch, (each: BatchStatement<object> | null | undefined, index) => {
    if (typeof each === "object" && each !== null) return toStatement(each.sql, each.params);
    throw new TypeError(
      `statement ${index + 1} of the batch is ${describe(each)}, not { sql, params }`,
    );
  });
}

/** The text of a statement that is given its parameters apart. @throws TypeError */
export function textAlone(query: Sql): string {
  const text = textOf(query);
  if (typeof query === "string" || query.params.length === 0) return text;
  throw new TypeError("a tagged template carries its parameters; give a list of others a string");
}

function textOf(query: Sql): string {
  if (typeof query === "string") return query;
  if (query instanceof SqlQuery) return query.sql;
  throw new TypeError(`sql must be a string or made by the sql tag, not ${typeof query}`);
}

/** The statement changes nothing, neither in the database nor in its connection. */
export function onlyReads(text: string): boolean {
  const word = LEADING.exec(text)?.[1]?.toLowerCase() ?? "";
  return word === "select" || word === "values" || (word === "with" && !guessWrites(text));
}

const LEADING = /^(?:[\s;]|--[^\n]*(?:\n|$)|\/\*[\s\S]*?(?:\*\/|$))*([a-z]*)/i;
const READING = new Set(
  "select values explain pragma begin commit end rollback savepoint release attach detach".split(
    " ",
  ),
);

/** A guess from the first word, so that most writers queue at once. A wrong one is only slower. */
export function guessWrites(text: string): boolean {
  const word = LEADING.exec(text)?.[1]?.toLowerCase() ?? "";
  if (word === "with") return writesAfterWith(text);
  if (word === "begin") return /^\s*begin\s+(?:immediate|exclusive)/i.test(text);
  return !READING.has(word);
}

/** Texts, quoted names and comments. One that is not closed goes to the end. */
const QUOTED =
  /'(?:[^']|'')*(?:'|$)|"(?:[^"]|"")*(?:"|$)|`(?:[^`]|``)*(?:`|$)|\[[^\]]*(?:\]|$)|--[^\n]*|\/\*[\s\S]*?(?:\*\/|$)/g;
const INNERMOST = /\([^()]*\)/g;

/** The word that follows the list of common table expressions, each of which ends with a parenthesis. */
function writesAfterWith(text: string): boolean {
  let outer = text.replace(QUOTED, " ");
  for (let before = ""; before !== outer; ) {
    before = outer;
    outer = outer.replace(INNERMOST, "@");
  }
  return /@\s*(?:insert|update|delete|replace)\b/i.test(outer);
}

/** A guess as well: some statement of the script writes, or begins a transaction. */
export function mayWrite(script: string): boolean {
  const statements = script.replace(QUOTED, " ").split(";");
  return statements.some((text) => /\S/.test(text) && (guessWrites(text) || SETTING.test(text)));
}

/** A pragma that is given a value, and BEGIN, which a later statement may make a writer of. */
const SETTING = /^\s*(?:begin\b|pragma\b.*[=(])/is;
