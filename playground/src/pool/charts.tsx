import { milliseconds, rate } from "../format/value.ts";
import type { Recorder } from "../state/recorder.ts";
import { Chart } from "../ui/chart.tsx";
import { Card } from "../ui/controls.tsx";

/** The last two minutes. */
export function PoolCharts({ recorder }: { readonly recorder: Recorder }) {
  const version = recorder.ticks.value;
  const { points } = recorder.series;
  return (
    <>
      <Card title="Throughput">
        <Chart
          label="Statements per second over the last two minutes"
          series={[{ name: "statements/s", token: "series-1", isFilled: true }]}
          columns={[points.at, points.perSecond]}
          version={version}
          show={rate}
        />
      </Card>
      <Card title="Latency">
        <Chart
          label="Time of statements over the last two minutes"
          series={[
            { name: "p50", token: "series-3" },
            { name: "p99", token: "series-2", dash: [4, 3] },
          ]}
          columns={[points.at, points.p50, points.p99]}
          version={version}
          show={milliseconds}
        />
      </Card>
    </>
  );
}
