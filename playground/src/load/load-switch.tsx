import { attempt } from "../state/notices.ts";
import type { Session } from "../state/session.ts";
import { Button } from "../ui/controls.tsx";
import { loadSettings, loadState, startLoad, stopLoad } from "./load.ts";

/** Starts and stops the load. */
export function LoadSwitch({ session }: { readonly session: Session }) {
  const { callers } = loadSettings.value;
  if (loadState.value === "off") {
    return (
      <Button icon="play" kind="primary" onClick={() => attempt(() => startLoad(session))}>
        {`Start a load of ${callers}`}
      </Button>
    );
  }
  return (
    <Button icon="stop" onClick={stopLoad}>
      {loadState.value === "preparing" ? "Making its table …" : "Stop the load"}
    </Button>
  );
}
