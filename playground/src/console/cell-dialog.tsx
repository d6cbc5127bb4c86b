import type { SqlValue } from "sqlite-wasm-pool";
import { download } from "../format/download.ts";
import { byteCount, cellText, count, hexDump, kindOf } from "../format/value.ts";
import { attempt } from "../state/notices.ts";
import { Button } from "../ui/controls.tsx";
import { Dialog } from "../ui/dialog.tsx";
import { Scroll } from "../ui/scroll.tsx";

/** One value, all of it. */
export function CellDialog(props: {
  readonly column: string;
  readonly value: SqlValue;
  readonly onClose: () => void;
}) {
  const { column, value } = props;
  const text = value instanceof Uint8Array ? hexDump(value) : fullText(value);
  return (
    <Dialog title={`${column}: ${describe(value)}`} onClose={props.onClose}>
      <div class="stack">
        <div class="row">
          <Button icon="copy" onClick={() => attempt(() => navigator.clipboard.writeText(text))}>
            Copy
          </Button>
          {value instanceof Uint8Array && (
            <Button
              icon="download"
              onClick={() =>
                download(`${column}.bin`, new Uint8Array(value), "application/octet-stream")
              }
            >
              Save the bytes
            </Button>
          )}
        </div>
        <Scroll class="value" label={column}>
          <pre>{text}</pre>
        </Scroll>
      </div>
    </Dialog>
  );
}

function fullText(value: SqlValue): string {
  return typeof value === "string" ? value : cellText(value);
}

function describe(value: SqlValue): string {
  if (value === null) return "NULL";
  if (value instanceof Uint8Array) return `blob of ${byteCount(value.length)}`;
  if (typeof value === "string") return `text of ${count(value.length)} characters`;
  return typeof value === "bigint" ? "integer of 64 bits" : kindOf(value);
}
