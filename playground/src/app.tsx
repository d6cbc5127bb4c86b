// The frame around the views: what is open, the pool in one glance, and the way to each view.

import type { ComponentChildren } from "preact";
import { ConsoleView } from "./console/console-view.tsx";
import { HealthView } from "./health/health-view.tsx";
import { LoadView } from "./load/load-view.tsx";
import { PoolView } from "./pool/pool-view.tsx";
import { address, VIEWS, type View, writeAddress } from "./state/link.ts";
import { attempt, messageOf } from "./state/notices.ts";
import { opening, openSession, type Session } from "./state/session.ts";
import { tabs } from "./state/tabs.ts";
import { type Theme, theme } from "./state/theme.ts";
import { StorageView } from "./storage/storage-view.tsx";
import { Badge, Button } from "./ui/controls.tsx";
import { Brand } from "./ui/icons.tsx";
import { Toasts } from "./ui/toasts.tsx";

/** What a view is called, and what is added to it where there is room. */
const TITLES: Readonly<Record<View, readonly [name: string, more: string]>> = {
  console: ["Console", ""],
  pool: ["Pool", ""],
  load: ["Load", " & race"],
  storage: ["Storage", ""],
  health: ["Health", " & sizing"],
};

export function App() {
  const { view } = address.value;
  return (
    <div class="shell">
      <button type="button" class="button skip" onClick={focusMain}>
        Skip to the view
      </button>
      <header class="top">
        <div class="bar">
          <div class="brand">
            <Brand />
            <h1>sqlite-wasm-pool</h1>
          </div>
          <Opened />
          <ThemeButton />
        </div>
        <nav class="nav" aria-label="Views">
          {VIEWS.map((each) => (
            <a
              key={each}
              href={writeAddress({ ...address.value, view: each })}
              aria-current={each === view ? "page" : undefined}
            >
              {TITLES[each][0]}
              <span class="more">{TITLES[each][1]}</span>
            </a>
          ))}
        </nav>
      </header>
      <main id="main" class="view" tabIndex={-1}>
        <h2 class="visually-hidden">{TITLES[view].join("")}</h2>
        <CurrentView />
      </main>
      <Toasts />
    </div>
  );
}

/** A button, and no link: the part of the address behind the `#` is the page's own. */
function focusMain(): void {
  document.getElementById("main")?.focus();
}

function CurrentView() {
  const { view } = address.value;
  const { value } = opening;
  // The storage view is of use, and needed most, when a database does not open.
  if (view === "storage") return <StorageView />;
  if (value.state === "failed") return <Failed error={value.error} />;
  if (value.state === "opening")
    return <div class="empty">Opening {value.settings.database} …</div>;
  const { session } = value;
  // A view belongs to one pool: a new pool makes it anew.
  const key = session.pool;
  const views: Readonly<Record<Exclude<View, "storage">, ComponentChildren>> = {
    console: <ConsoleView key={key} session={session} />,
    pool: <PoolView key={key} session={session} />,
    load: <LoadView key={key} session={session} />,
    health: <HealthView key={key} session={session} />,
  };
  return views[view];
}

function Failed({ error }: { readonly error: unknown }) {
  const { settings } = address.value;
  return (
    <div class="stack">
      <p class="note bad" role="alert">
        <strong>{settings.database} could not be opened.</strong> {messageOf(error)}
      </p>
      <div class="row">
        <Button icon="refresh" onClick={() => attempt(() => openSession(settings))}>
          Try again
        </Button>
        <Button
          onClick={() =>
            attempt(() => openSession({ ...settings, database: ":memory:", storage: "auto" }))
          }
        >
          Open a database in memory
        </Button>
        <a class="button" href={writeAddress({ ...address.value, view: "storage" })}>
          Choose another one under Storage
        </a>
      </div>
    </div>
  );
}

function Opened() {
  const { value } = opening;
  if (value.state !== "open") {
    const text = value.state === "opening" ? "Opening" : "Not open:";
    return (
      <div class="opened">
        <span class="muted">{text}</span> <span class="mono">{value.settings.database}</span>
      </div>
    );
  }
  return <OpenedPool session={value.session} />;
}

function OpenedPool({ session }: { readonly session: Session }) {
  const { pool, recorder, settings } = session;
  void recorder.ticks.value;
  const { active, idle, total, max, waiting, storage, threads, owner } = pool.stats();
  const sharing = tabs.value.filter(({ database }) => database === settings.database).length;
  const cells = Array.from({ length: Math.min(max, 24) }, (_, i) =>
    i < active ? "out" : i < active + idle ? "idle" : "",
  );
  const words = `${active} of ${total} connections out, ${max} at most, ${waiting} waiting`;
  return (
    <div class="opened">
      <span class="mono" title={settings.database}>
        {settings.database}
      </span>
      <span class="cells" role="img" aria-label={words} title={words}>
        {cells.map((state, i) => (
          <i key={i} class={state} />
        ))}
      </span>
      {waiting > 0 && <Badge kind="warn">{waiting} waiting</Badge>}
      <Badge class="extra">{storage}</Badge>
      <Badge class="extra">{threads === 1 ? "1 thread" : `${threads} threads`}</Badge>
      {sharing > 1 && (
        <Badge kind="accent" title={owner?.role === "client" ? "SQLite runs in another tab" : ""}>
          {sharing} tabs{owner?.role === "client" ? ", run by another" : ""}
        </Badge>
      )}
      {!globalThis.crossOriginIsolated && (
        <Badge kind="warn" class="extra" title="No shared memory: see Storage">
          not isolated
        </Badge>
      )}
    </div>
  );
}

const NEXT: Readonly<Record<Theme, Theme>> = { system: "light", light: "dark", dark: "system" };
const ICONS = { system: "system", light: "sun", dark: "moon" } as const;

function ThemeButton() {
  const { value } = theme;
  return (
    <Button
      kind="quiet"
      icon={ICONS[value]}
      label={`Theme: ${value}. Switch to ${NEXT[value]}`}
      onClick={() => {
        theme.value = NEXT[value];
      }}
    />
  );
}
