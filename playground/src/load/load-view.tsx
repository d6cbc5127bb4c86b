import { count, rate } from "../format/value.ts";
import type { Session } from "../state/session.ts";
import { Card, Figures, Slider } from "../ui/controls.tsx";
import { KindTable } from "./kind-table.tsx";
import { loadSettings, loadState, measured } from "./load.ts";
import { LoadSwitch } from "./load-switch.tsx";
import { RaceCard } from "./race-card.tsx";
import { ROWS, TABLE } from "./work.ts";

/** The load generator, and the race. */
export function LoadView({ session }: { readonly session: Session }) {
  return (
    <div class="stack">
      <p class="intro">
        Both work on <code>{TABLE}</code>, a table of {count(ROWS)} rows that is made in the open
        database on first use. Each caller asks again as soon as it has its answer.
      </p>
      <LoadCard session={session} />
      <RaceCard session={session} />
    </div>
  );
}

function LoadCard({ session }: { readonly session: Session }) {
  const settings = loadSettings.value;
  const isOff = loadState.value === "off";
  const set = (change: Partial<typeof settings>) => {
    const next = { ...settings, ...change };
    loadSettings.value = { ...next, scan: Math.min(next.scan, 100 - next.write) };
  };
  return (
    <Card title="Load on the open pool" actions={<LoadSwitch session={session} />}>
      <div class="stack">
        <div class="sliders">
          <Slider
            label="Callers at once"
            min={1}
            max={64}
            value={settings.callers}
            disabled={!isOff}
            onChange={(callers) => set({ callers })}
          />
          <Slider
            label="Writes"
            min={0}
            max={100}
            value={settings.write}
            disabled={!isOff}
            show={(value) => `${value} %`}
            onChange={(write) => set({ write })}
          />
          <Slider
            label="Scans of the whole table"
            min={0}
            max={100 - settings.write}
            value={settings.scan}
            disabled={!isOff}
            show={(value) => `${value} %`}
            onChange={(scan) => set({ scan })}
          />
          <Slider
            label="Pause within a write"
            min={0}
            max={50}
            value={settings.pauseMs}
            disabled={!isOff}
            show={(value) => `${value} ms`}
            onChange={(pauseMs) => set({ pauseMs })}
          />
          <p class="small muted wide">
            A write is a transaction: it reads a row, pauses as a program does that asks somebody
            else meanwhile, and updates it. The other {100 - settings.write - settings.scan} % are
            point reads by primary key.
          </p>
        </div>
        <LoadFigures />
      </div>
    </Card>
  );
}

function LoadFigures() {
  const { value } = measured;
  return (
    <>
      <Figures
        items={[
          ["Requests", count(value?.requests ?? 0)],
          ["Throughput", rate(value?.perSecond ?? 0), "/s"],
          ["Errors", count(value?.errors ?? 0)],
        ]}
      />
      <KindTable kinds={value?.kinds} />
      {value?.latest !== undefined && <p class="note bad">{value.latest}</p>}
    </>
  );
}
