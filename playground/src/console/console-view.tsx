// The SQL console: an editor, the schema beside it, and what the statements gave.

import { useSignal } from "@preact/signals";
import { useEffect, useRef } from "preact/hooks";
import { count } from "../format/value.ts";
import { cancellation, type Run, runText } from "../sql/run.ts";
import { readSchema } from "../sql/schema.ts";
import { address, amendAddress } from "../state/link.ts";
import { notify } from "../state/notices.ts";
import { type Session, schemaChanges } from "../state/session.ts";
import { readStored, store } from "../state/stored.ts";
import { Button, Select } from "../ui/controls.tsx";
import { SqlEditor } from "../ui/editor.ts";
import { useLoaded } from "../ui/hooks.ts";
import { remember } from "./history.ts";
import { HistoryDialog } from "./history-dialog.tsx";
import { Results } from "./results.tsx";
import { SchemaList } from "./schema-list.tsx";

const DRAFT = "draft";
const WELCOME = `-- Ctrl-Enter (or Cmd-Enter) runs everything, or what is selected.
CREATE TABLE IF NOT EXISTS planets (
  id INTEGER PRIMARY KEY,
  name TEXT NOT NULL UNIQUE,
  mass REAL -- earths
);
INSERT OR IGNORE INTO planets (name, mass) VALUES
  ('Mercury', 0.055), ('Venus', 0.815), ('Earth', 1), ('Mars', 0.107),
  ('Jupiter', 317.8), ('Saturn', 95.16), ('Uranus', 14.54), ('Neptune', 17.15);
SELECT name, mass, 9223372036854775807 AS big, x'53514c' AS blob, NULL AS missing
FROM planets ORDER BY mass DESC;
`;
const LIMITS = [1_000, 10_000, 100_000, 500_000].map(
  (most) => [String(most), `${count(most)} rows at most`] as const,
);

interface Running {
  readonly aborter: AbortController;
  readonly rows: number;
  readonly isCancelling: boolean;
}

export function ConsoleView({ session }: { readonly session: Session }) {
  const { pool, settings } = session;
  const place = useRef<HTMLDivElement>(null);
  const editor = useRef<SqlEditor | undefined>(undefined);
  const running = useSignal<Running | undefined>(undefined);
  const run = useSignal<Run | undefined>(undefined);
  const limit = useSignal("100000");
  const showsHistory = useSignal(false);
  const schema = useLoaded((signal) => readSchema(pool, signal), [pool, schemaChanges.value]);
  const tables = schema.value ?? [];

  const start = async (explain: boolean) => {
    const { current } = editor;
    if (current === undefined || running.peek() !== undefined) return;
    const { text, offset } = current.toRun;
    const aborter = new AbortController();
    current.clearError();
    running.value = { aborter, rows: 0, isCancelling: false };
    amendAddress({ sql: current.text });
    remember(text, settings.database);
    const done = await runText(pool, text, {
      mostRows: Number(limit.peek()),
      explain,
      signal: aborter.signal,
      onProgress: (rows) => {
        const { value } = running;
        if (value !== undefined) running.value = { ...value, rows };
      },
    });
    running.value = undefined;
    run.value = done;
    const { failure } = done;
    if (failure?.at !== undefined) current.markError(offset + failure.at, failure.message);
  };
  const cancel = () => {
    const { value } = running;
    if (value === undefined) return;
    running.value = { ...value, isCancelling: true };
    value.aborter.abort(cancellation());
  };
  const actions = useRef({ start, cancel });
  actions.current = { start, cancel };

  useEffect(() => {
    if (place.current === null) return;
    const text = address.peek().sql ?? readStored(DRAFT) ?? WELCOME;
    const made = new SqlEditor(place.current, text, {
      onChange: (changed) => store(DRAFT, changed),
      onRun: () => void actions.current.start(false),
      onCancel: () => actions.current.cancel(),
    });
    editor.current = made;
    return () => {
      running.peek()?.aborter.abort(cancellation());
      made.destroy();
    };
  }, []);
  useEffect(() => editor.current?.completeFrom(tables), [schema.value]);
  // A link that was followed, or a sample that brought a query along.
  const { sql } = address.value;
  useEffect(() => {
    const { current } = editor;
    if (sql !== undefined && current !== undefined && sql !== current.text) current.text = sql;
  }, [sql]);

  const share = async () => {
    amendAddress({ sql: editor.current?.text });
    await navigator.clipboard.writeText(location.href);
    notify("The link with this SQL and the pool's settings is in the clipboard.");
  };

  return (
    <div class="console">
      <SchemaList tables={tables} onInsert={(text) => editor.current?.insert(text)} />
      <div class="workbench">
        <div class="editor" ref={place} />
        <div class="toolbar row" role="toolbar" aria-label="Run">
          {running.value === undefined ? (
            <Button kind="primary" icon="play" label="Ctrl-Enter" onClick={() => start(false)}>
              Run
            </Button>
          ) : (
            <Button
              kind="danger"
              icon="stop"
              disabled={running.value.isCancelling}
              label="Ctrl-."
              onClick={cancel}
            >
              Cancel
            </Button>
          )}
          <Button
            icon="plan"
            label="EXPLAIN QUERY PLAN"
            disabled={running.value !== undefined}
            onClick={() => start(true)}
          >
            Explain
          </Button>
          <Button
            icon="history"
            onClick={() => {
              showsHistory.value = true;
            }}
          >
            History
          </Button>
          <Button icon="link" label="Copy a link with this SQL" onClick={share}>
            Share
          </Button>
          <span class="grow" />
          <Select
            isInline
            label="Most rows to fetch"
            value={limit.value}
            options={LIMITS}
            onChange={(value) => {
              limit.value = value;
            }}
          />
        </div>
        <Results
          run={run.value}
          runningRows={running.value?.rows}
          onShowError={(at) => editor.current?.markError(at, run.value?.failure?.message ?? "")}
        />
      </div>
      {showsHistory.value && (
        <HistoryDialog
          onChoose={(sql) => {
            if (editor.current !== undefined) editor.current.text = sql;
            showsHistory.value = false;
          }}
          onClose={() => {
            showsHistory.value = false;
          }}
        />
      )}
    </div>
  );
}
