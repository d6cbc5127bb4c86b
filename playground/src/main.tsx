import { render } from "preact";
import { App } from "./app.tsx";
import { address, followAddressBar } from "./state/link.ts";
import { openSession } from "./state/session.ts";
import { followTabs } from "./state/tabs.ts";
import { followTheme } from "./state/theme.ts";

followAddressBar();
followTheme();
followTabs();
const host = document.getElementById("app");
if (host === null) throw new Error("BUG: the page has no place for the app");
render(<App />, host);
// What fails is shown by the view of the opening.
openSession(address.peek().settings).catch(() => {});
