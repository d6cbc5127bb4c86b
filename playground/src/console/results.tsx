// What a run gave: one tab per statement, and a line that says what it took.

import { useSignal } from "@preact/signals";
import { useEffect, useRef } from "preact/hooks";
import type { SqlValue } from "sqlite-wasm-pool";
import { count, milliseconds } from "../format/value.ts";
import { planTree } from "../sql/plan.ts";
import type { Failure, Outcome, Run } from "../sql/run.ts";
import { ResultGrid } from "../ui/grid.ts";
import { CellDialog } from "./cell-dialog.tsx";
import { ExportButtons } from "./export-buttons.tsx";
import { PlanTree } from "./plan-tree.tsx";

export function Results(props: {
  readonly run: Run | undefined;
  /** Rows that have come so far, while a run is on. */
  readonly runningRows: number | undefined;
  readonly onShowError: (at: number) => void;
}) {
  const { run, runningRows } = props;
  const chosen = useSignal<number | undefined>(undefined);
  useEffect(() => {
    chosen.value = undefined;
  }, [run]);
  if (run === undefined) {
    return (
      <div class="results card">
        <Status run={undefined} runningRows={runningRows} outcome={undefined} />
        <div class="empty">Results come here.</div>
      </div>
    );
  }
  const index = Math.min(chosen.value ?? preferred(run.outcomes), run.outcomes.length - 1);
  const outcome = run.outcomes[index];
  return (
    <div class="results card">
      <Status run={run} runningRows={runningRows} outcome={outcome} />
      {run.failure && <FailureNote failure={run.failure} onShowError={props.onShowError} />}
      {run.outcomes.length > 1 && (
        <div class="statement-tabs" role="tablist" aria-label="Statements">
          {run.outcomes.map(({ sql, offset }, i) => (
            <button
              key={offset}
              type="button"
              role="tab"
              aria-selected={i === index}
              aria-controls="statement-result"
              tabIndex={i === index ? 0 : -1}
              title={sql}
              onClick={() => {
                chosen.value = i;
              }}
              onKeyDown={(event) => {
                const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
                if (step === undefined) return;
                const next = (i + step + run.outcomes.length) % run.outcomes.length;
                chosen.value = next;
                const tabs = event.currentTarget.parentElement?.children;
                (tabs?.[next] as HTMLElement | undefined)?.focus();
              }}
            >
              {i + 1} {firstWords(sql)}
            </button>
          ))}
        </div>
      )}
      <div id="statement-result" class="statement-result">
        {outcome && <OutcomeView key={`${run.totalMs} ${index}`} outcome={outcome} />}
      </div>
    </div>
  );
}

/** The last statement that gave rows, as that is what one looks for. */
function preferred(outcomes: readonly Outcome[]): number {
  const last = outcomes.findLastIndex(({ columns }) => columns.length > 0);
  return last < 0 ? outcomes.length - 1 : last;
}

function firstWords(sql: string): string {
  const words = sql.replace(/^(?:\s|--[^\n]*\n|\/\*[\s\S]*?\*\/)+/, "").split(/\s+/, 3);
  return words.join(" ").slice(0, 24);
}

function Status(props: {
  readonly run: Run | undefined;
  readonly runningRows: number | undefined;
  readonly outcome: Outcome | undefined;
}) {
  const { run, runningRows, outcome } = props;
  const parts: string[] = [];
  if (runningRows !== undefined) {
    parts.push(runningRows > 0 ? `Running, ${count(runningRows)} rows so far …` : "Running …");
  } else if (run === undefined) parts.push("Nothing has been run yet.");
  else {
    if (outcome !== undefined) parts.push(describe(outcome));
    if (run.outcomes.length > 1) {
      parts.push(`${run.outcomes.length} statements in ${milliseconds(run.totalMs)}`);
    }
    if (run.connection !== undefined) parts.push(`on connection ${run.connection}`);
    parts.push(`waited ${milliseconds(run.waitedMs)}`);
  }
  return (
    <div class="status row spread">
      <p role="status">{parts.join(" · ")}</p>
      {outcome && outcome.columns.length > 0 && <ExportButtons outcome={outcome} />}
    </div>
  );
}

function describe({ columns, rows, isCut, changes, durationMs }: Outcome): string {
  const took = milliseconds(durationMs);
  if (columns.length === 0) {
    return changes === undefined ? `Done in ${took}` : `${count(changes)} rows changed in ${took}`;
  }
  return `${isCut ? "First " : ""}${count(rows.length)} ${rows.length === 1 ? "row" : "rows"} in ${took}`;
}

function FailureNote(props: {
  readonly failure: Failure;
  readonly onShowError: (at: number) => void;
}) {
  const { message, code, at, isCancelled, isStopped } = props.failure;
  if (isCancelled) {
    return (
      <p class="note warn" role="alert">
        {isStopped
          ? "Cancelled: SQLite stopped the statement. What was not committed is undone."
          : "Cancelled: nobody waits for the statement any more; here SQLite stops it at its next row at the earliest."}
      </p>
    );
  }
  return (
    <div class="note bad row spread" role="alert">
      <span>
        {code && <strong>{code} </strong>}
        {message}
      </span>
      {at !== undefined && (
        <button type="button" class="link" onClick={() => props.onShowError(at)}>
          Show where
        </button>
      )}
    </div>
  );
}

function OutcomeView({ outcome }: { readonly outcome: Outcome }) {
  if (outcome.isPlan) return <PlanTree roots={planTree(outcome.rows)} />;
  if (outcome.columns.length === 0) {
    return (
      <div class="empty">
        {outcome.changes === undefined
          ? "The statement gives no rows."
          : `${count(outcome.changes)} rows changed.`}
      </div>
    );
  }
  return <Grid outcome={outcome} />;
}

function Grid({ outcome }: { readonly outcome: Outcome }) {
  const host = useRef<HTMLDivElement>(null);
  const opened = useSignal<{ column: string; value: SqlValue } | undefined>(undefined);
  useEffect(() => {
    if (host.current === null) return;
    const grid = new ResultGrid(host.current, outcome.columns, outcome.rows, {
      onOpen: (column, value) => {
        opened.value = { column, value };
      },
    });
    return () => grid.destroy();
  }, [outcome]);
  return (
    <>
      <div class="grid-host" ref={host} />
      {opened.value && (
        <CellDialog
          {...opened.value}
          onClose={() => {
            opened.value = undefined;
          }}
        />
      )}
    </>
  );
}
