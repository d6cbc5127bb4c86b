import { signal } from "@preact/signals";
import { listDatabases } from "sqlite-wasm-pool";
import { count } from "../format/value.ts";
import { generate, type Progress } from "../samples/generate.ts";
import { SAMPLES, type Sample } from "../samples/samples.ts";
import { address, amendAddress } from "../state/link.ts";
import { attempt, notify } from "../state/notices.ts";
import { deleteDatabase, openSession } from "../state/session.ts";
import { Button, Card } from "../ui/controls.tsx";

interface Making {
  readonly sample: Sample;
  readonly progress: Progress | undefined;
  readonly aborter: AbortController;
}

/** Outlives the view: a sample goes on being made while one looks at the pool. */
const making = signal<Making | undefined>(undefined);

const CANCELLED = new DOMException("The sample was cancelled.", "AbortError");

async function make(sample: Sample): Promise<void> {
  if (making.peek() !== undefined) return;
  const database = `${sample.id}.db`;
  const settings = { ...address.peek().settings, database, storage: "auto" as const };
  const isThere = (await listDatabases()).some(({ path }) => path === database);
  const { pool } = await openSession(settings);
  if (isThere && (await pool.queryValue<number>("SELECT count(*) FROM sqlite_schema")) !== 0) {
    amendAddress({ sql: sample.query });
    notify(`${database} is there already, and open now.`);
    return;
  }
  const aborter = new AbortController();
  making.value = { sample, aborter, progress: undefined };
  try {
    const tell = (progress: Progress) => {
      making.value = { sample, aborter, progress };
    };
    await generate(pool, sample, tell, aborter.signal);
    amendAddress({ sql: sample.query });
    notify(`${database} is made and open, and a query on it is in the console.`);
  } catch (thrown) {
    // Half a sample is of no use.
    await deleteDatabase(database);
    await openSession({ ...settings, database: "playground.db" });
    if (thrown !== CANCELLED) throw thrown;
    notify(`${database} was cancelled; nothing of it is left.`);
  } finally {
    making.value = undefined;
  }
}

/** Samples to make, and the one that is being made. */
export function SamplesCard() {
  const { value } = making;
  return (
    <Card title="Samples, made in this page">
      <div class="stack">
        <ul class="samples">
          {SAMPLES.map((sample) => (
            <li key={sample.id} class="row spread">
              <span class="grow">
                <strong>{sample.title}</strong>
                <br />
                <span class="small muted">{sample.about}</span>
              </span>
              <Button
                label={`Make ${sample.title}`}
                disabled={value !== undefined}
                onClick={() => attempt(() => make(sample))}
              >
                Make
              </Button>
            </li>
          ))}
        </ul>
        <div class="making" role="status">
          {value !== undefined && (
            <>
              <p class="row spread small">
                <span>
                  {value.sample.title}: {value.progress?.doing ?? "starting"},{" "}
                  {count(value.progress?.done ?? 0)} of {count(value.progress?.total ?? 0)} rows
                </span>
                <Button icon="stop" onClick={() => value.aborter.abort(CANCELLED)}>
                  Cancel
                </Button>
              </p>
              <progress
                class="progress"
                aria-label="Rows made"
                max={value.progress?.total ?? 1}
                value={value.progress?.done ?? 0}
              />
            </>
          )}
        </div>
      </div>
    </Card>
  );
}
