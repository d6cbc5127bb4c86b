import { useSignal } from "@preact/signals";
import { useEffect, useRef } from "preact/hooks";
import { rate } from "../format/value.ts";
import { attempt } from "../state/notices.ts";
import type { Session } from "../state/session.ts";
import { Chart } from "../ui/chart.tsx";
import { Badge, Button, Card, Slider } from "../ui/controls.tsx";
import { KindTable } from "./kind-table.tsx";
import { loadSettings, stopLoad } from "./load.ts";
import { RACERS, type Racer, race, type Standings } from "./race.ts";
import { type Measured, SLICE_MS } from "./tally.ts";

const TOKENS: Readonly<Record<Racer, string>> = {
  shared: "series-2",
  each: "series-4",
  pool: "series-1",
};
const NOTHING: Standings = { running: undefined, results: {} };

/** Three ways to use a database, against each other. */
export function RaceCard({ session }: { readonly session: Session }) {
  const standings = useSignal<Standings>(NOTHING);
  const seconds = useSignal(4);
  const connections = useSignal(session.pool.maxConnections);
  const aborter = useSignal<AbortController | undefined>(undefined);
  const current = useRef(aborter);
  useEffect(() => () => current.current.peek()?.abort(), []);
  const { running, results } = standings.value;
  const isOn = aborter.value !== undefined;

  const start = async () => {
    stopLoad();
    const control = new AbortController();
    aborter.value = control;
    standings.value = NOTHING;
    const { callers, ...mix } = loadSettings.peek();
    const plan = {
      mix,
      // One more connection per caller at the same time is more than a browser bears.
      callers: Math.min(callers, 16),
      seed: 42,
      seconds: seconds.peek(),
      connections: connections.peek(),
    };
    const show = (now: Standings) => {
      standings.value = now;
    };
    try {
      await race(session, plan, show, control.signal);
    } catch (thrown) {
      if (!control.signal.aborted) throw thrown;
    } finally {
      aborter.value = undefined;
    }
  };

  const names: Readonly<Record<Racer, string>> = {
    shared: "One shared connection",
    each: "Open per request",
    pool: `Pool of ${connections.value}`,
  };
  const rivals = Object.values(results).map(({ kinds }) => kinds);
  const best = Math.max(1e-9, ...RACERS.map((racer) => results[racer]?.perSecond ?? 0));
  return (
    <Card
      title="Race"
      actions={
        isOn ? (
          <Button icon="stop" onClick={() => aborter.value?.abort()}>
            Stop
          </Button>
        ) : (
          <Button icon="play" kind="primary" onClick={() => attempt(start)}>
            Start the race
          </Button>
        )
      }
    >
      <div class="stack">
        <p class="small muted">
          The mix and the callers of the load above (16 at most), the same seed and the same data,
          one way after the other, twice in opposite order. Everything shown is measured in this
          page while you watch.
        </p>
        <div class="sliders">
          <Slider
            label="Seconds each"
            min={1}
            max={20}
            value={seconds.value}
            disabled={isOn}
            show={(value) => `${value} s`}
            onChange={(value) => {
              seconds.value = value;
            }}
          />
          <Slider
            label="Connections of the pool"
            min={2}
            max={16}
            value={connections.value}
            disabled={isOn}
            onChange={(value) => {
              connections.value = value;
            }}
          />
        </div>
        <div class="racers">
          {RACERS.map((racer) => (
            <RacerColumn
              key={racer}
              name={names[racer]}
              token={TOKENS[racer]}
              result={results[racer]}
              best={best}
              rivals={rivals}
              isRunning={running === racer}
            />
          ))}
        </div>
        <RaceChart results={results} names={names} />
      </div>
    </Card>
  );
}

function RacerColumn(props: {
  readonly name: string;
  readonly token: string;
  readonly result: Measured | undefined;
  readonly best: number;
  readonly rivals: readonly Measured["kinds"][];
  readonly isRunning: boolean;
}) {
  const { name, token, result, best, rivals, isRunning } = props;
  const share = (result?.perSecond ?? 0) / best;
  return (
    <section class="racer" aria-label={name}>
      <h3>
        <i class="swatch" style={{ background: `var(--${token})` }} />
        {name}
        {isRunning && <Badge kind="accent">running</Badge>}
        {!isRunning && share === 1 && <Badge kind="good">most requests</Badge>}
      </h3>
      <p class="speed">
        {result ? rate(result.perSecond) : "–"} <small class="muted">requests/s</small>
      </p>
      <div class="track" aria-hidden="true">
        <i style={{ width: `${share * 100}%`, background: `var(--${token})` }} />
      </div>
      <KindTable kinds={result?.kinds} rivals={rivals} />
      {result !== undefined && result.errors > 0 && (
        <p class="note bad">
          {result.errors} failed: {result.latest}
        </p>
      )}
    </section>
  );
}

function RaceChart(props: {
  readonly results: Standings["results"];
  readonly names: Readonly<Record<Racer, string>>;
}) {
  const { results, names } = props;
  const columns = RACERS.map((racer) => results[racer]?.slices ?? []);
  const length = Math.max(1, ...columns.map((column) => column.length));
  const at = Array.from({ length }, (_, i) => ((i + 1) * SLICE_MS) / 1_000);
  const padded = columns.map((column) => at.map((_, i) => column[i] ?? null));
  return (
    <Chart
      label="Requests per second while each ran"
      series={RACERS.map((racer) => ({ name: names[racer], token: TOKENS[racer] }))}
      columns={[at, ...padded]}
      version={results}
      height={190}
      isTime={false}
      show={rate}
    />
  );
}
