import { useSignal } from "@preact/signals";
import { byteCount } from "../format/value.ts";
import { attempt, notify } from "../state/notices.ts";
import { filesChanges } from "../state/session.ts";
import { Badge, Button, Card } from "../ui/controls.tsx";
import { useLoaded } from "../ui/hooks.ts";

interface Quota {
  readonly usedBytes: number;
  readonly mostBytes: number;
  readonly isPersistent: boolean;
}

async function readQuota(): Promise<Quota | undefined> {
  const { storage } = navigator;
  if (storage?.estimate === undefined) return undefined;
  const { usage = 0, quota = 0 } = await storage.estimate();
  const isPersistent = (await storage.persisted?.()) ?? false;
  return { usedBytes: usage, mostBytes: quota, isPersistent };
}

/** How much this origin uses, and whether the browser may throw it away. */
export function QuotaCard() {
  const asked = useSignal(0);
  const { value: quota } = useLoaded(readQuota, [asked.value, filesChanges.value]);
  const persist = async () => {
    const granted = await navigator.storage.persist();
    asked.value++;
    notify(
      granted
        ? "The browser keeps this origin's data until you delete it."
        : "The browser did not grant it. Some do after a page is installed or bookmarked.",
    );
  };
  return (
    <Card
      title="Quota and persistence"
      actions={
        <Button
          icon="refresh"
          kind="quiet"
          label="Look again"
          onClick={() => {
            asked.value++;
          }}
        />
      }
    >
      <div class="stack quota">
        {quota === undefined ? (
          <p class="small muted">This browser does not tell.</p>
        ) : (
          <>
            <progress
              class="progress"
              aria-label="Quota used"
              max={quota.mostBytes}
              value={quota.usedBytes}
            />
            <p class="small">
              {byteCount(quota.usedBytes)} of {byteCount(quota.mostBytes)} used by this origin
            </p>
            <div class="row">
              <Badge kind={quota.isPersistent ? "good" : "warn"}>
                {quota.isPersistent ? "persistent" : "best effort"}
              </Badge>
              {!quota.isPersistent && (
                <Button onClick={() => attempt(persist)}>Ask to keep it</Button>
              )}
            </div>
          </>
        )}
      </div>
    </Card>
  );
}
