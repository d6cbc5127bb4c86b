import { useSignal } from "@preact/signals";
import { estimateStorage, persistStorage } from "sqlite-wasm-pool";
import { byteCount } from "../format/value.ts";
import { attempt, messageOf, notify } from "../state/notices.ts";
import { filesChanges } from "../state/session.ts";
import { Badge, Button, Card } from "../ui/controls.tsx";
import { useLoaded } from "../ui/hooks.ts";

/** How much this origin uses, and whether the browser may throw it away. */
export function QuotaCard() {
  const asked = useSignal(0);
  const { value: quota, error } = useLoaded(estimateStorage, [asked.value, filesChanges.value]);
  const persist = async () => {
    const granted = await persistStorage();
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
          <p class="small muted">
            {error === undefined ? "Looking …" : `This browser does not tell: ${messageOf(error)}`}
          </p>
        ) : (
          <>
            <progress
              class="progress"
              aria-label="Quota used"
              max={quota.quotaBytes}
              value={quota.usageBytes}
            />
            <p class="small">
              {byteCount(quota.usageBytes)} of {byteCount(quota.quotaBytes)} used by this origin
            </p>
            <div class="row">
              <Badge kind={quota.persisted ? "good" : "warn"}>
                {quota.persisted ? "persistent" : "best effort"}
              </Badge>
              {!quota.persisted && <Button onClick={() => attempt(persist)}>Ask to keep it</Button>}
            </div>
          </>
        )}
      </div>
    </Card>
  );
}
