import { useSignal } from "@preact/signals";
import { openPool } from "sqlite-wasm-pool";
import { download } from "../format/download.ts";
import { byteCount } from "../format/value.ts";
import { address } from "../state/link.ts";
import { attempt, notify } from "../state/notices.ts";
import { deleteDatabase, filesChanges, opening, openSession } from "../state/session.ts";
import { Badge, Button, Card } from "../ui/controls.tsx";
import { Dialog } from "../ui/dialog.tsx";
import { useLoaded } from "../ui/hooks.ts";
import { type DatabaseFiles, listDatabases } from "./files.ts";
import { ImportZone } from "./import-zone.tsx";

/** The databases of this origin: open, export, delete, import. */
export function DatabasesCard() {
  const { value } = opening;
  const session = value.state === "open" ? value.session : undefined;
  const { value: databases } = useLoaded(
    () => listDatabases(),
    [filesChanges.value, session?.recorder.ticks.value],
  );
  const doomed = useSignal<string | undefined>(undefined);
  const current = session?.settings.database;
  return (
    <Card
      title="Databases"
      isFlush
      actions={
        session && (
          <Button
            icon="download"
            onClick={() => attempt(() => exportDatabase(session.settings.database))}
          >
            Export the open one
          </Button>
        )
      }
    >
      {databases === undefined ? (
        <p class="empty">
          There are no files to list here: this browser keeps databases in another way.
        </p>
      ) : (
        <ul class="databases">
          {databases.map((database) => (
            <DatabaseLine
              key={database.name}
              database={database}
              isOpen={database.name === current}
              onDelete={() => {
                doomed.value = database.name;
              }}
            />
          ))}
          {databases.length === 0 && <li class="empty">None yet.</li>}
        </ul>
      )}
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
  const { name, sizeBytes, logBytes, files } = database;
  const open = () => openSession({ ...address.peek().settings, database: name, storage: "auto" });
  const words = files
    .map(
      (file) =>
        `${file.name}: ${file.sizeBytes === undefined ? "open" : byteCount(file.sizeBytes)}`,
    )
    .join("\n");
  return (
    <li class="row spread">
      <span class="grow" title={words}>
        <strong class="mono">{name}</strong> {isOpen && <Badge kind="accent">open</Badge>}
        <br />
        <span class="small muted">
          {byteCount(sizeBytes)}
          {logBytes > 0 && `, and ${byteCount(logBytes)} of log`}
        </span>
      </span>
      <span class="row">
        {!isOpen && <Button onClick={() => attempt(open)}>Open</Button>}
        <Button
          kind="quiet"
          icon="download"
          label={`Export ${name}`}
          onClick={() => attempt(() => exportDatabase(name))}
        />
        <Button kind="quiet" icon="trash" label={`Delete ${name}`} onClick={onDelete} />
      </span>
    </li>
  );
}

/** Saves a consistent copy, whether the database is open here or not. */
async function exportDatabase(name: string): Promise<void> {
  const { value } = opening.peek().state === "open" ? opening : { value: undefined };
  const own = value?.state === "open" && value.session.settings.database === name;
  const pool = own ? value.session.pool : await openPool(name, { maxConnections: 1 });
  try {
    const bytes = await pool.export();
    const file = name.split("/").at(-1) ?? name;
    download(
      /\.\w+$/.test(file) ? file : `${file}.db`,
      new Uint8Array(bytes),
      "application/vnd.sqlite3",
    );
    notify(`${name}: ${byteCount(bytes.length)} exported.`);
  } finally {
    if (!own) await pool.close();
  }
}

function DeleteDialog({ name, onClose }: { readonly name: string; readonly onClose: () => void }) {
  const remove = async () => {
    await deleteDatabase(name);
    const { value } = opening;
    const wasOpen = value.state === "open" && value.session.settings.database === name;
    onClose();
    notify(`${name} is deleted.`);
    if (wasOpen) await openSession(value.session.settings);
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
