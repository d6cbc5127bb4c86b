// A chart of several series over time or another number, drawn by uPlot in the page's own colours.

import { useEffect, useRef } from "preact/hooks";
import UPlot from "uplot";
import { colour, colourChanges } from "../state/theme.ts";

export interface ChartSeries {
  readonly name: string;
  /** A colour token. */
  readonly token: string;
  readonly isFilled?: boolean;
  readonly dash?: number[];
}

interface ChartProps {
  readonly label: string;
  readonly series: readonly ChartSeries[];
  /** x first, then one column per series. */
  readonly columns: readonly (readonly (number | null)[])[];
  /** Changes when the columns do. */
  readonly version: unknown;
  readonly height?: number;
  readonly isTime?: boolean;
  readonly show: (value: number) => string;
}

const HEIGHT = 150;

export function Chart(props: ChartProps) {
  const place = useRef<HTMLDivElement>(null);
  const chart = useRef<UPlot | undefined>(undefined);
  const latest = useRef(props);
  latest.current = props;
  const { value: colours } = colourChanges;

  useEffect(() => {
    const host = place.current;
    if (host === null) return;
    const make = () => optionsOf(latest.current, host.clientWidth);
    const made = new UPlot(make(), dataOf(latest.current), host);
    showLatest(made);
    chart.current = made;
    const resized = new ResizeObserver(() => {
      made.setSize({ width: host.clientWidth, height: props.height ?? HEIGHT });
    });
    resized.observe(host);
    return () => {
      resized.disconnect();
      made.destroy();
    };
  }, [colours]);

  useEffect(() => {
    chart.current?.setData(dataOf(latest.current));
    if (chart.current !== undefined) showLatest(chart.current);
  }, [props.version]);

  return (
    <figure class="chart">
      <figcaption class="visually-hidden">{`${props.label}. ${summary(props)}`}</figcaption>
      <div
        ref={place}
        aria-hidden="true"
        style={{ minHeight: `${(props.height ?? HEIGHT) + 26}px` }}
      />
    </figure>
  );
}

/** The legend has the latest values, except while somebody points at others. */
function showLatest(chart: UPlot): void {
  if ((chart.cursor.left ?? -1) < 0) chart.setLegend({ idx: chart.data[0].length - 1 });
}

/** One line, whatever the distance of the ticks. */
const CLOCK: UPlot.Axis.Values = (_chart, ticks) =>
  ticks.map((tick) => new Date(tick * 1_000).toTimeString().slice(0, 8));

function dataOf({ columns }: ChartProps): UPlot.AlignedData {
  return columns as unknown as UPlot.AlignedData;
}

/** The latest values in words, for those who do not see the chart. */
function summary({ series, columns, show }: ChartProps): string {
  return series
    .map(({ name }, i) => {
      const last = columns[i + 1]?.findLast((value) => value !== null);
      return `${name}: ${last === undefined || last === null ? "nothing yet" : show(last)}`;
    })
    .join("; ");
}

function optionsOf(props: ChartProps, width: number): UPlot.Options {
  const { series, isTime = true, show } = props;
  const axis: UPlot.Axis = {
    stroke: colour("muted"),
    grid: { stroke: colour("line"), width: 1 },
    ticks: { stroke: colour("line"), width: 1, size: 4 },
    font: "11px system-ui, sans-serif",
  };
  return {
    width,
    height: props.height ?? HEIGHT,
    cursor: { y: false, points: { size: 6 } },
    legend: { live: true },
    scales: {
      x: { time: isTime },
      y: { range: (_chart, _min, max) => [0, max > 0 ? max * 1.1 : 1] },
    },
    axes: [
      { ...axis, size: 28, ...(isTime ? { values: CLOCK } : {}) },
      {
        ...axis,
        size: 56,
        values: (_chart, ticks) => ticks.map((tick) => (tick === null ? "" : show(tick))),
      },
    ],
    series: [
      isTime
        ? { label: "Time", value: "{HH}:{mm}:{ss}" }
        : { label: "s", value: (_chart: UPlot, at: number | null) => at?.toFixed(2) ?? "–" },
      ...series.map(({ name, token, isFilled, dash }) => ({
        label: name,
        stroke: colour(token),
        width: 1.75,
        points: { show: false },
        value: (_chart: UPlot, value: number | null) => (value === null ? "–" : show(value)),
        ...(isFilled ? { fill: `color-mix(in srgb, ${colour(token)} 12%, transparent)` } : {}),
        ...(dash ? { dash } : {}),
      })),
    ],
  };
}
