import { useSignal } from "@preact/signals";
import type { EventKind } from "../state/event-log.ts";
import type { Recorder } from "../state/recorder.ts";
import { Badge, Button, Card } from "../ui/controls.tsx";
import { Scroll } from "../ui/scroll.tsx";

const KINDS: Readonly<Partial<Record<EventKind, "good" | "warn" | "bad" | "accent">>> = {
  create: "good",
  wait: "warn",
  timeout: "bad",
  leak: "bad",
  replace: "warn",
  dirty: "warn",
  error: "bad",
  checkpoint: "accent",
  owner: "accent",
  fault: "accent",
};

/** What the pool told, newest first. */
export function EventList({ recorder }: { readonly recorder: Recorder }) {
  void recorder.ticks.value;
  const cleared = useSignal(0);
  void cleared.value;
  const { entries } = recorder.log;
  const clear = () => {
    recorder.log.clear();
    cleared.value++;
  };
  return (
    <Card
      title="Events"
      isFlush
      actions={
        <Button kind="quiet" disabled={entries.length === 0} onClick={clear}>
          Clear
        </Button>
      }
    >
      <Scroll class="events" label="Events, newest first">
        {entries.length === 0 && <p class="empty">Nothing to tell yet.</p>}
        {entries.map(({ id, at, kind, connection, text, count }) => (
          <p key={id}>
            <time class="mono muted" dateTime={at.toISOString()}>
              {at.toTimeString().slice(0, 8)}
            </time>
            <Badge kind={KINDS[kind]}>{count > 1 ? `${kind} ×${count}` : kind}</Badge>
            {connection !== undefined && <span class="mono">#{connection}</span>}
            <span class="text">{text}</span>
          </p>
        ))}
      </Scroll>
    </Card>
  );
}
