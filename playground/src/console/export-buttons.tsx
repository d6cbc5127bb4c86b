import { download } from "../format/download.ts";
import { toCsv, toJson, toTsv } from "../format/export.ts";
import { count } from "../format/value.ts";
import type { Outcome } from "../sql/run.ts";
import { attempt, notify } from "../state/notices.ts";
import { Button } from "../ui/controls.tsx";

/** Saves or copies the rows that were fetched. */
export function ExportButtons({ outcome }: { readonly outcome: Outcome }) {
  const copy = async () => {
    await navigator.clipboard.writeText(toTsv(outcome));
    notify(`${count(outcome.rows.length)} rows are in the clipboard, separated by tabs.`);
  };
  return (
    <div class="row">
      <Button
        kind="quiet"
        icon="download"
        label="Save as CSV"
        onClick={() => download("result.csv", toCsv(outcome), "text/csv")}
      >
        CSV
      </Button>
      <Button
        kind="quiet"
        icon="download"
        label="Save as JSON"
        onClick={() => download("result.json", toJson(outcome), "application/json")}
      >
        JSON
      </Button>
      <Button
        kind="quiet"
        icon="copy"
        label="Copy, separated by tabs"
        onClick={() => attempt(copy)}
      >
        Copy
      </Button>
    </div>
  );
}
