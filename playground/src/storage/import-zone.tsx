// Takes a database file, dropped or chosen, checks it through the library, and opens it.

import { useSignal } from "@preact/signals";
import { useId } from "preact/hooks";
import { listDatabases, openPool } from "sqlite-wasm-pool";
import { byteCount } from "../format/value.ts";
import { address } from "../state/link.ts";
import { attempt, notify } from "../state/notices.ts";
import { opening, openSession } from "../state/session.ts";

interface Importing {
  readonly name: string;
  readonly done: number;
  readonly total: number;
}

export function ImportZone() {
  const id = useId();
  const isOver = useSignal(false);
  const importing = useSignal<Importing | undefined>(undefined);
  const take = async (file: File | undefined) => {
    if (file === undefined || importing.peek() !== undefined) return;
    try {
      await importFile(file, (done) => {
        importing.value = { name: file.name, done, total: file.size };
      });
    } finally {
      importing.value = undefined;
    }
  };
  return (
    // biome-ignore lint/a11y/noStaticElementInteractions: dropping is a shortcut for the input within
    <div
      class={`drop${isOver.value ? " over" : ""}`}
      onDragOver={(event) => {
        event.preventDefault();
        isOver.value = true;
      }}
      onDragLeave={() => {
        isOver.value = false;
      }}
      onDrop={(event) => {
        event.preventDefault();
        isOver.value = false;
        void attempt(() => take(event.dataTransfer?.files[0]));
      }}
    >
      {importing.value === undefined ? (
        <>
          <label for={id}>Import a SQLite file: drop it here, or choose one</label>
          <input
            id={id}
            type="file"
            accept=".db,.sqlite,.sqlite3,.db3,application/vnd.sqlite3"
            onChange={(event) => {
              const { currentTarget } = event;
              void attempt(() => take(currentTarget.files?.[0])).then(() => {
                currentTarget.value = "";
              });
            }}
          />
        </>
      ) : (
        <p role="status">
          {importing.value.name}: {byteCount(importing.value.done)} of{" "}
          {byteCount(importing.value.total)}
          <progress
            class="progress"
            aria-label="Import"
            max={importing.value.total}
            value={importing.value.done}
          />
        </p>
      )}
    </div>
  );
}

/** The file becomes a database of its own name; one that is there already is not overwritten. */
async function importFile(file: File, onProgress: (done: number) => void): Promise<void> {
  const name = await freeName(file.name);
  onProgress(0);
  let done = 0;
  const counted = file.stream().pipeThrough(
    new TransformStream<Uint8Array<ArrayBuffer>, Uint8Array<ArrayBuffer>>({
      transform(chunk, controller) {
        done += chunk.length;
        onProgress(done);
        controller.enqueue(chunk);
      },
    }),
  );
  const pool = await openPool(name, { maxConnections: 1 });
  try {
    await pool.import(counted);
  } catch (thrown) {
    // It held nothing before, so nothing is lost.
    await pool.deleteDatabase();
    throw thrown;
  }
  await pool.close();
  await openSession({ ...address.peek().settings, database: name, storage: "auto" });
  notify(`${file.name} is imported as ${name} and open.`);
}

async function freeName(wanted: string): Promise<string> {
  const taken = new Set((await listDatabases()).map(({ path }) => path));
  const { value } = opening;
  if (value.state === "open") taken.add(value.session.settings.database);
  const [, stem = wanted, extension = ""] = /^(.*?)(\.[^.]*)?$/.exec(wanted) ?? [];
  let name = wanted;
  for (let i = 2; taken.has(name); i++) name = `${stem}-${i}${extension}`;
  return name;
}
