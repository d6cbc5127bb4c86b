// A lane per connection, the last ten seconds from left to right: pale while it was lent, solid while it
// ran a statement. Beneath, whoever waits for one.

import { useRef } from "preact/hooks";
import type { ConnectionReport } from "sqlite-wasm-pool";
import { milliseconds } from "../format/value.ts";
import type { Lane } from "../state/lanes.ts";
import type { Session } from "../state/session.ts";
import { colour } from "../state/theme.ts";
import { Badge } from "../ui/controls.tsx";
import { useFrames } from "../ui/hooks.ts";

const WINDOW_MS = 10_000;
const MOST_DOTS = 40;

export function Lanes({ session }: { readonly session: Session }) {
  const { pool, recorder } = session;
  void recorder.ticks.value;
  const canvases = useRef(new Map<number, HTMLCanvasElement>());
  useFrames(() => {
    const colours = { lent: colour("accent-soft"), ran: colour("accent"), line: colour("line") };
    for (const lane of recorder.lanes.all) {
      const canvas = canvases.current.get(lane.connection);
      if (canvas !== undefined) drawLane(canvas, lane, colours);
    }
  });
  const reports = new Map(pool.connections().map((report) => [report.connection, report]));
  const { waitingCount } = pool;
  return (
    <div class="lanes">
      <ul>
        {recorder.lanes.all.map(({ connection, queries }) => (
          <li key={connection} class="lane">
            <LaneHead connection={connection} report={reports.get(connection)} queries={queries} />
            <div aria-hidden="true">
              <canvas
                ref={(canvas) => {
                  if (canvas === null) canvases.current.delete(connection);
                  else canvases.current.set(connection, canvas);
                }}
              />
            </div>
          </li>
        ))}
      </ul>
      <p class="waiters">
        <span>{waitingCount === 0 ? "Nobody waits." : `${waitingCount} waiting`}</span>
        <span class="dots" aria-hidden="true">
          {Array.from({ length: Math.min(waitingCount, MOST_DOTS) }, (_, i) => (
            <i key={i} />
          ))}
        </span>
        <span class="legend" aria-hidden="true">
          <i class="lent" /> lent <i class="ran" /> runs a statement · last 10 s
        </span>
      </p>
    </div>
  );
}

function LaneHead(props: {
  readonly connection: number;
  readonly report: ConnectionReport | undefined;
  readonly queries: number;
}) {
  const { connection, report, queries } = props;
  const sql = report?.sql;
  const lentMs = report?.lentMs;
  return (
    <div class="lane-head">
      <strong class="mono">#{connection}</strong>
      <Badge kind={lentMs === undefined ? "good" : "accent"}>
        {lentMs === undefined ? "idle" : `lent ${milliseconds(lentMs)}`}
      </Badge>
      {report?.inTransaction && <Badge kind="warn">transaction</Badge>}
      <code class="grow" title={sql}>
        {sql ?? ""}
      </code>
      <span class="muted small">
        thread {report?.thread ?? "–"} · {queries} run
      </span>
    </div>
  );
}

interface Colours {
  readonly lent: string;
  readonly ran: string;
  readonly line: string;
}

function drawLane(canvas: HTMLCanvasElement, lane: Lane, colours: Colours): void {
  const scale = devicePixelRatio;
  const width = Math.round(canvas.clientWidth * scale);
  const height = Math.round(canvas.clientHeight * scale);
  if (canvas.width !== width) canvas.width = width;
  if (canvas.height !== height) canvas.height = height;
  const context = canvas.getContext("2d");
  if (context === null) return;
  const now = performance.now();
  const from = now - WINDOW_MS;
  const x = (at: number) => ((at - from) / WINDOW_MS) * width;
  const bar = (start: number, end: number, top: number, bottom: number) => {
    // What is shorter than a pixel is still seen.
    const left = Math.max(0, x(start));
    context.fillRect(left, top * height, Math.max(x(end) - left, scale), (bottom - top) * height);
  };
  context.clearRect(0, 0, width, height);
  context.fillStyle = colours.line;
  context.fillRect(0, height - scale, width, scale);
  context.fillStyle = colours.lent;
  for (const stretch of lane.leases(from)) bar(stretch.from, stretch.to, 0, 1);
  context.fillStyle = colours.ran;
  for (const stretch of lane.runs(from)) bar(stretch.from, stretch.to, 0.25, 0.75);
}
