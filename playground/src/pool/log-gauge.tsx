// The write-ahead log: how long it is, and how much of it has been moved into the database.

import { useSignal } from "@preact/signals";
import type { CheckpointMode } from "sqlite-wasm-pool";
import { count } from "../format/value.ts";
import { attempt } from "../state/notices.ts";
import type { Session } from "../state/session.ts";
import { Button, Card } from "../ui/controls.tsx";

export function LogGauge({ session: { pool, recorder } }: { readonly session: Session }) {
  void recorder.ticks.value;
  const isBusy = useSignal(false);
  const { log, journalMode } = pool.stats();
  const run = async (mode: CheckpointMode) => {
    isBusy.value = true;
    try {
      const { busy } = await pool.checkpoint(mode);
      recorder.log.add(
        "checkpoint",
        undefined,
        `asked for: ${mode}${busy ? ", but somebody was in the way" : ""}`,
      );
    } finally {
      isBusy.value = false;
    }
  };
  return (
    <Card
      title="Write-ahead log"
      actions={
        <>
          <Button disabled={isBusy.value} onClick={() => attempt(() => run("passive"))}>
            Checkpoint
          </Button>
          <Button disabled={isBusy.value} onClick={() => attempt(() => run("truncate"))}>
            Truncate
          </Button>
        </>
      }
    >
      {log === undefined ? (
        <p class="muted small">
          {journalMode === "wal"
            ? "Only the thread that has SQLite sees the log here."
            : `There is none: the journal mode is ${journalMode}.`}
        </p>
      ) : (
        <div class="stack">
          <progress
            class="progress"
            max={Math.max(log.frames, 1)}
            value={log.checkpointed}
            aria-label="Frames that are in the database"
          />
          <p class="small">
            <span class="mono">{count(log.frames)}</span> frames,{" "}
            <span class="mono">{count(log.checkpointed)}</span> of them in the database
          </p>
        </div>
      )}
    </Card>
  );
}
