import { render } from "preact";
import { App } from "./app.tsx";
import { address, followAddressBar, isSamePool } from "./state/link.ts";
import { opening, openSession } from "./state/session.ts";
import { followTabs } from "./state/tabs.ts";
import { followTheme } from "./state/theme.ts";

followAddressBar();
followTheme();
followTabs();
const host = document.getElementById("app");
if (host === null) throw new Error("BUG: the page has no place for the app");
render(<App />, host);
// What fails is shown by the view of the opening.
const openAsAddressed = () => void openSession(address.peek().settings).catch(() => {});
openAsAddressed();
addEventListener("hashchange", () => {
  const { value } = opening;
  const open = value.state === "open" ? value.session.settings : value.settings;
  if (!isSamePool(open, address.peek().settings)) openAsAddressed();
});
