import { useSignal } from "@preact/signals";
import { useEffect, useRef } from "preact/hooks";
import { milliseconds } from "../format/value.ts";
import { messageOf } from "../state/notices.ts";
import type { Session } from "../state/session.ts";
import { Button, Card } from "../ui/controls.tsx";
import { Scroll } from "../ui/scroll.tsx";
import { FAULTS, type Fault } from "./faults.ts";

interface Line {
  readonly afterMs: number;
  readonly text: string;
  readonly isBad: boolean;
}

interface Story {
  readonly name: string;
  readonly lines: readonly Line[];
  readonly isRunning: boolean;
}

/** Faults on buttons, and the story of the latest one. */
export function FaultButtons({ session }: { readonly session: Session }) {
  const { pool, recorder } = session;
  const story = useSignal<Story | undefined>(undefined);
  const aborter = useRef<AbortController | undefined>(undefined);
  useEffect(() => () => aborter.current?.abort(), []);

  const run = async (fault: Fault) => {
    const started = performance.now();
    aborter.current = new AbortController();
    const { signal } = aborter.current;
    story.value = { name: fault.name, lines: [], isRunning: true };
    const tell = (text: string, isBad = false) => {
      const { value } = story;
      if (value === undefined) return;
      const line = { afterMs: performance.now() - started, text, isBad };
      story.value = { ...value, lines: [...value.lines, line] };
    };
    recorder.log.add("fault", undefined, fault.name);
    try {
      await fault.run(pool, { tell, signal, pause: (ms) => pauseFor(ms, signal) });
    } catch (thrown) {
      tell(messageOf(thrown), true);
    }
    if (story.value !== undefined) story.value = { ...story.value, isRunning: false };
  };

  const isRunning = story.value?.isRunning ?? false;
  return (
    <Card
      title="Faults on purpose"
      actions={
        isRunning && (
          <Button icon="stop" onClick={() => aborter.current?.abort()}>
            End it
          </Button>
        )
      }
    >
      <div class="faults">
        <div class="buttons">
          {FAULTS.map((fault) => (
            <Button
              key={fault.name}
              label={fault.explains}
              disabled={isRunning}
              onClick={() => run(fault)}
            >
              {fault.name}
            </Button>
          ))}
        </div>
        <Scroll class="story" isLog label="What the pool did about it">
          {story.value === undefined ? (
            <p class="muted">
              Each does real harm to the open pool; what the pool did about it is told here.
            </p>
          ) : (
            <>
              <h3>{story.value.name}</h3>
              <ol>
                {story.value.lines.map(({ afterMs, text, isBad }) => (
                  <li key={`${afterMs} ${text}`}>
                    <span class="mono muted">+{milliseconds(afterMs)}</span>
                    <span class={isBad ? "failed" : ""}>{text}</span>
                  </li>
                ))}
              </ol>
            </>
          )}
        </Scroll>
      </div>
    </Card>
  );
}

function pauseFor(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const done = () => {
      clearTimeout(timer);
      signal.removeEventListener("abort", done);
      resolve();
    };
    const timer = setTimeout(done, ms);
    signal.addEventListener("abort", done);
    if (signal.aborted) done();
  });
}
