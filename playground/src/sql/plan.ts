// EXPLAIN QUERY PLAN as the tree that it is: each row names the row it is part of.

import type { SqlValue } from "sqlite-wasm-pool";

export interface PlanNode {
  readonly id: number;
  readonly detail: string;
  readonly children: PlanNode[];
}

/** Rows of `id, parent, notused, detail`, as a forest. */
export function planTree(rows: readonly (readonly SqlValue[])[]): PlanNode[] {
  const roots: PlanNode[] = [];
  const nodes = new Map<number, PlanNode>();
  for (const [id, parent, , detail] of rows) {
    const node = { id: Number(id), detail: String(detail), children: [] };
    nodes.set(node.id, node);
    (nodes.get(Number(parent))?.children ?? roots).push(node);
  }
  return roots;
}

export type Judgement = "good" | "warn" | undefined;

/** What a line of a plan tells of its cost, with the reason. */
export function judge(detail: string): { readonly judgement: Judgement; readonly why: string } {
  if (/^SEARCH .* USING (?:INTEGER PRIMARY KEY|COVERING INDEX|INDEX|PRIMARY KEY)/.test(detail)) {
    return { judgement: "good", why: "found by index" };
  }
  if (/AUTOMATIC/.test(detail)) {
    return { judgement: "warn", why: "an index is built for this statement alone" };
  }
  if (/^SCAN /.test(detail) && !/USING (?:COVERING )?INDEX|CONSTANT ROW/.test(detail)) {
    return { judgement: "warn", why: "reads every row" };
  }
  if (/USE TEMP B-TREE/.test(detail)) return { judgement: "warn", why: "sorts in memory" };
  return { judgement: undefined, why: "" };
}
