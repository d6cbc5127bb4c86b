import { Button } from "../ui/controls.tsx";
import { Dialog } from "../ui/dialog.tsx";
import { forgetAll, history } from "./history.ts";

const MOST_SHOWN = 160;

/** What was run before, to be put back into the editor. */
export function HistoryDialog(props: {
  readonly onChoose: (sql: string) => void;
  readonly onClose: () => void;
}) {
  const entries = history.value;
  return (
    <Dialog title="History" onClose={props.onClose}>
      {entries.length === 0 && <p class="empty">Nothing has been run yet.</p>}
      <ol class="history">
        {entries.map(({ sql, database, at }) => (
          <li key={`${at} ${sql}`}>
            <button type="button" onClick={() => props.onChoose(sql)}>
              <code>{sql.length > MOST_SHOWN ? `${sql.slice(0, MOST_SHOWN)} …` : sql}</code>
              <span class="muted">
                {database} · {new Date(at).toLocaleString()}
              </span>
            </button>
          </li>
        ))}
      </ol>
      {entries.length > 0 && (
        <Button icon="trash" kind="quiet" onClick={forgetAll}>
          Forget all
        </Button>
      )}
    </Dialog>
  );
}
