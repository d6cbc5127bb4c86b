import { dismiss, notices } from "../state/notices.ts";
import { Button } from "./controls.tsx";

/** Notices in the corner, read out as they come. */
export function Toasts() {
  return (
    <div class="toasts" role="status" aria-live="polite">
      {notices.value.map(({ id, kind, text }) => (
        <div key={id} class={`toast ${kind}`}>
          <span class="grow">{text}</span>
          <Button icon="close" label="Dismiss" kind="quiet" onClick={() => dismiss(id)} />
        </div>
      ))}
    </div>
  );
}
