import { useSignal } from "@preact/signals";
import { openPool } from "sqlite-wasm-pool";
import { download } from "../format/download.ts";
import { byteCount } from "../format/value.ts";
import { address } from "../state/link.ts";
import { attempt, messageOf, notify } from "../state/notices.ts";
import { deleteDatabase, filesChanges, opening, openSession } from "../state/session.ts";
import { Badge, Button, Card } from "../ui/controls.tsx";
import { Dialog } from "../ui/dialog.tsx";
import { useLoaded } from "../ui/hooks.ts";
import { type DatabaseFiles, type FileSize, readDatabases } from "./files.ts";
import { ImportZone } from "./import-zone.tsx";

/** Files grow and shrink all the time: they are looked at anew every so many intervals. */
const LOOK_EVERY_TICKS = 4;

/** The databases of this origin: open, export, delete, import. */
export function DatabasesCard() {
  const { value } = opening;
  const session = value.state === "open" ? value.session : undefined;
  const turn = Math.floor((session?.recorder.ticks.value ?? 0) / LOOK_EVERY_TICKS);
  const { value: databases, error } = useLoaded(readDatabases, [filesChanges.value, turn]);
  const doomed = useSignal<string | undefined>(undefined);
  const current = session?.settings.database;
  return (
    <Card
      title="Databases"
      isFlush
      actions={
        current !== undefined && (
          <Button icon="download" onClick={() => attempt(() => exportDatabase(current))}>
            Export the open one
          </Button>
        )
      }
    >
      {error !== undefined && <p class="note warn inset">{messageOf(error)}</p>}
      <ul class="databases">
        {databases?.map((database) => (
          <DatabaseLine
            key={database.path}
            database={database}
            isOpen={database.path === current}
            onDelete={() => {
              doomed.value = database.path;
            }}
          />
        ))}
        {databases?.length === 0 && <li class="empty">None yet.</li>}
      </ul>
      <ImportZone />
      {doomed.value !== undefined && (
        <DeleteDialog
          name={doomed.value}
          onClose={() => {
            doomed.value = undefined;
          }}
        />
      )}
    </Card>
  );
}

function DatabaseLine(props: {
  readonly database: DatabaseFiles;
  readonly isOpen: boolean;
  readonly onDelete: () => void;
}) {
  const { database, isOpen, onDelete } = props;
  const { path, sizeBytes, files } = database;
  const open = () => openSession({ ...address.peek().settings, database: path, storage: "auto" });
  return (
    <li class="row spread">
      <span class="grow">
        <strong class="mono">{path}</strong> {isOpen && <Badge kind="accent">open</Badge>}
        <span class="files">
          {files.length > 1
            ? files.map((file) => <span key={file.name}>{describe(file)}</span>)
            : byteCount(sizeBytes)}
        </span>
      </span>
      <span class="row">
        {!isOpen && <Button onClick={() => attempt(open)}>Open</Button>}
        <Button
          kind="quiet"
          icon="download"
          label={`Export ${path}`}
          onClick={() => attempt(() => exportDatabase(path))}
        />
        <Button kind="quiet" icon="trash" label={`Delete ${path}`} onClick={onDelete} />
      </span>
    </li>
  );
}

function describe({ name, sizeBytes }: FileSize): string {
  const what = /-(?:wal|journal)$/.exec(name)?.[0] ?? "database";
  return `${what} ${sizeBytes === undefined ? "is open" : byteCount(sizeBytes)}`;
}

/** Saves a consistent copy, whether the database is open here or not. */
async function exportDatabase(name: string): Promise<void> {
  const { value } = opening;
  const open = value.state === "open" ? value.session : undefined;
  const isOpen = open?.settings.database === name;
  const pool = isOpen ? open.pool : await openPool(name, { maxConnections: 1 });
  try {
    const bytes = await pool.export();
    const file = name.split("/").at(-1) ?? name;
    const type = "application/vnd.sqlite3";
    download(/\.\w+$/.test(file) ? file : `${file}.db`, new Uint8Array(bytes), type);
    notify(`${name}: ${byteCount(bytes.length)} exported.`);
  } finally {
    if (!isOpen) await pool.close();
  }
}

function DeleteDialog({ name, onClose }: { readonly name: string; readonly onClose: () => void }) {
  const remove = async () => {
    const { value } = opening;
    const open = value.state === "open" ? value.session : undefined;
    await deleteDatabase(name);
    onClose();
    notify(`${name} is deleted.`);
    // The page goes on with an empty database of the same name.
    if (open?.settings.database === name) await openSession(open.settings);
  };
  return (
    <Dialog title={`Delete ${name}?`} onClose={onClose}>
      <div class="stack">
        <p>The database and its log are removed from this browser. There is no way back.</p>
        <div class="row">
          <Button kind="danger" icon="trash" onClick={() => attempt(remove)}>
            Delete it
          </Button>
          <Button onClick={onClose}>Keep it</Button>
        </div>
      </div>
    </Dialog>
  );
}
