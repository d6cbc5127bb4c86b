// The pool at work: who has a connection, who waits for one, and what became of the latest requests.

import { FaultButtons } from "../faults/fault-buttons.tsx";
import { count, milliseconds, rate } from "../format/value.ts";
import { LoadSwitch } from "../load/load-switch.tsx";
import type { Session } from "../state/session.ts";
import { Card, Figures } from "../ui/controls.tsx";
import { PoolCharts } from "./charts.tsx";
import { EventList } from "./event-list.tsx";
import { Lanes } from "./lanes.tsx";
import { LogGauge } from "./log-gauge.tsx";
import { Resize } from "./resize.tsx";
import { Waterfall } from "./waterfall.tsx";

export function PoolView({ session }: { readonly session: Session }) {
  const { pool, recorder } = session;
  void recorder.ticks.value;
  const stats = pool.stats();
  const { points } = recorder.series;
  const last = <T,>(column: readonly T[]) => column.at(-1);
  const time = (ms: number | null | undefined) => (ms == null ? "–" : milliseconds(ms));
  return (
    <div class="pool-view">
      <p class="intro wide">
        Each lane is a connection. Whoever needs one borrows it, runs statements and gives it back;
        when all are out, callers queue in their order. Start a load, change the size, or break
        something, and watch.
      </p>
      <Card title="Now" class="wide" isFlush actions={<LoadSwitch session={session} />}>
        <Figures
          items={[
            ["Active", count(stats.active), "lent"],
            ["Idle", count(stats.idle)],
            ["Waiting", count(stats.waiting)],
            ["Open", count(stats.total), `of ${stats.max}`],
            ["Statements", rate(last(points.perSecond) ?? 0), "/s"],
            ["p50", time(last(points.p50))],
            ["p99", time(last(points.p99))],
            ["Mean wait", milliseconds(stats.acquireWait.mean)],
          ]}
        />
      </Card>
      <Card title="Connections" class="wide" actions={<Resize session={session} />}>
        <Lanes session={session} />
      </Card>
      <PoolCharts recorder={recorder} />
      <Card title="Latest requests" class="wide">
        <Waterfall recorder={recorder} />
      </Card>
      <FaultButtons session={session} />
      <div class="stack">
        <LogGauge session={session} />
        <EventList recorder={recorder} />
      </div>
    </div>
  );
}
