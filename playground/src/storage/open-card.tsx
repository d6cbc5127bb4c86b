import { useSignal } from "@preact/signals";
import { address, DEFAULTS, type PoolSettings } from "../state/link.ts";
import { attempt } from "../state/notices.ts";
import { openSession } from "../state/session.ts";
import { Button, Card, Select, Slider } from "../ui/controls.tsx";

/** Opens or creates a database, with the options that matter most. */
export function OpenCard() {
  const settings = useSignal<PoolSettings>(address.peek().settings);
  const set = (change: Partial<PoolSettings>) => {
    settings.value = { ...settings.value, ...change };
  };
  const { database, maxConnections, threads, storage, synchronous } = settings.value;
  return (
    <Card title="Create or open">
      <form
        class="stack"
        onSubmit={(event) => {
          event.preventDefault();
          void attempt(() => openSession(settings.value));
        }}
      >
        <label class="field">
          <span class="label">Name, or :memory:</span>
          <input
            class="input mono"
            required
            value={database}
            autocomplete="off"
            spellcheck={false}
            onInput={(event) => set({ database: event.currentTarget.value })}
          />
        </label>
        <div class="sliders">
          <Slider
            label="Most connections"
            min={1}
            max={32}
            value={maxConnections}
            onChange={(value) => set({ maxConnections: value })}
          />
          <Select
            label="Threads"
            value={String(threads)}
            options={[
              ["auto", "auto"],
              ["0", "0: in this page's thread"],
              ["1", "1"],
              ["2", "2"],
              ["4", "4"],
              ["8", "8"],
            ]}
            onChange={(value) => set({ threads: value === "auto" ? "auto" : Number(value) })}
          />
          <Select
            label="Storage"
            value={storage}
            options={[
              ["auto", "auto"],
              ["opfs", "files (OPFS)"],
              ["indexeddb", "IndexedDB"],
              ["memory", "memory"],
            ]}
            onChange={(value) => set({ storage: value })}
          />
          <Select
            label="Synchronous"
            value={synchronous}
            options={[
              ["full", "full: survives a power cut"],
              ["normal", "normal"],
              ["off", "off"],
            ]}
            onChange={(value) => set({ synchronous: value })}
          />
        </div>
        <div class="row">
          <button type="submit" class="button primary">
            Open it
          </button>
          <Button
            onClick={() => {
              settings.value = { ...DEFAULTS, database };
            }}
          >
            Default options
          </Button>
        </div>
      </form>
    </Card>
  );
}
