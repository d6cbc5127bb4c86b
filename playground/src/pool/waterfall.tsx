// The latest requests as bars on one scale: what they waited for, what SQLite ran, and the way back.

import { useSignal } from "@preact/signals";
import { milliseconds } from "../format/value.ts";
import type { Recorder } from "../state/recorder.ts";
import type { RequestRecord } from "../state/requests.ts";
import { Button } from "../ui/controls.tsx";
import { Scroll } from "../ui/scroll.tsx";

const SHOWN = 24;

export function Waterfall({ recorder }: { readonly recorder: Recorder }) {
  void recorder.ticks.value;
  const frozen = useSignal<readonly RequestRecord[] | undefined>(undefined);
  const latest = frozen.value ?? recorder.requests.latest(SHOWN);
  const requests = [...latest].reverse();
  const longest = Math.max(0.05, ...requests.map(total));
  return (
    <div class="stack">
      <div class="row spread">
        <span class="legend" aria-hidden="true">
          <i class="waited" /> waited for a connection <i class="queued" /> for its thread or a lock{" "}
          <i class="ran" /> ran <i class="moved" /> transferred
        </span>
        <Button
          pressed={frozen.value !== undefined}
          onClick={() => {
            frozen.value = frozen.value === undefined ? latest : undefined;
          }}
        >
          Hold still
        </Button>
      </div>
      <Scroll class="waterfall" label="Latest requests, newest first">
        <table class="plain-table">
          <thead>
            <tr>
              <th scope="col">#</th>
              <th scope="col">Statement</th>
              <th scope="col">Spent on</th>
              <th scope="col" class="number">
                ms
              </th>
            </tr>
          </thead>
          <tbody>
            {requests.map((request) => (
              <Line key={request.id} request={request} longest={longest} />
            ))}
          </tbody>
        </table>
        {requests.length === 0 && (
          <p class="empty">No request yet. Run something, or start a load.</p>
        )}
      </Scroll>
    </div>
  );
}

function Line({ request, longest }: { readonly request: RequestRecord; readonly longest: number }) {
  const { connection, sql, waitedMs, queuedMs, ranMs, transferredMs, error } = request;
  const parts = [
    ["waited", waitedMs],
    ["queued", queuedMs],
    ["ran", ranMs],
    ["moved", transferredMs],
  ] as const;
  const words = `waited ${milliseconds(waitedMs)}, queued ${milliseconds(queuedMs)}, ran ${milliseconds(ranMs)}, transferred ${milliseconds(transferredMs)}`;
  return (
    <tr>
      <td class="mono">{connection}</td>
      <td class="statement">
        <code title={sql}>{sql}</code>
      </td>
      <td class="bars" title={words}>
        <span class="visually-hidden">{words}</span>
        <span aria-hidden="true">
          {parts.map(([name, ms]) => (
            <i key={name} class={name} style={{ width: `${(ms / longest) * 100}%` }} />
          ))}
        </span>
      </td>
      <td class={error === undefined ? "number" : "number failed"} title={error}>
        {total(request).toFixed(2)}
      </td>
    </tr>
  );
}

function total({ waitedMs, queuedMs, ranMs, transferredMs }: RequestRecord): number {
  return waitedMs + queuedMs + ranMs + transferredMs;
}
