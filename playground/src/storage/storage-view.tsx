import { address, writeAddress } from "../state/link.ts";
import { opening, type Session } from "../state/session.ts";
import { tabs } from "../state/tabs.ts";
import { Badge, Card } from "../ui/controls.tsx";
import { DatabasesCard } from "./databases-card.tsx";
import { OpenCard } from "./open-card.tsx";
import { QuotaCard } from "./quota-card.tsx";
import { type Finding, platformFindings, poolFindings } from "./reasons.ts";
import { SamplesCard } from "./samples-card.tsx";

/** Where the bytes are, and what this browser allows. Of use without an open pool as well. */
export function StorageView() {
  const { value } = opening;
  const session = value.state === "open" ? value.session : undefined;
  return (
    <div class="two-columns">
      <p class="intro wide">
        Databases are ordinary SQLite files that this browser keeps for this origin. Nothing leaves
        this machine.
      </p>
      <div class="stack">
        <DatabasesCard />
        <CapabilitiesCard session={session} />
      </div>
      <div class="stack">
        <OpenCard />
        <SamplesCard />
        <QuotaCard />
        <TabsCard session={session} />
      </div>
    </div>
  );
}

function CapabilitiesCard({ session }: { readonly session: Session | undefined }) {
  void session?.recorder.ticks.value;
  const isIsolated = globalThis.crossOriginIsolated === true;
  const here = location.href.split(/[?#]/)[0] ?? "";
  const other = `${here}${isIsolated ? "?isolation=off" : ""}${writeAddress(address.value)}`;
  return (
    <Card title="What there is here, and why">
      <div class="stack">
        {session && (
          <>
            <p class="row">
              <Badge kind="accent">storage: {session.pool.stats().storage}</Badge>
              <Badge kind="accent">engine: {session.pool.stats().engine}</Badge>
              <Badge>journal: {session.pool.stats().journalMode}</Badge>
              <Badge>threads: {session.pool.stats().threads}</Badge>
            </p>
            <Findings
              title="This pool"
              findings={poolFindings(session.pool.capabilities, session.pool.stats())}
            />
          </>
        )}
        <Findings title="This browser and page" findings={platformFindings()} />
        <p class="small">
          {isIsolated ? (
            <a href={other}>Load the page without cross-origin isolation</a>
          ) : (
            <>
              Everything works without isolation, in one thread.{" "}
              <a href={other}>Load the page with isolation, where the server sends it</a>
            </>
          )}
        </p>
      </div>
    </Card>
  );
}

function Findings(props: { readonly title: string; readonly findings: readonly Finding[] }) {
  return (
    <table class="plain-table findings">
      <caption class="visually-hidden">{props.title}</caption>
      <thead>
        <tr>
          <th scope="col">{props.title}</th>
          <th scope="col">Why</th>
        </tr>
      </thead>
      <tbody>
        {props.findings.map(({ name, isThere, why }) => (
          <tr key={name}>
            <th scope="row">
              <Badge kind={isThere ? "good" : "warn"}>{isThere ? "yes" : "no"}</Badge> {name}
            </th>
            <td>{why}</td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}

function TabsCard({ session }: { readonly session: Session | undefined }) {
  void session?.recorder.ticks.value;
  const owner = session?.pool.stats().owner;
  const isAlone = tabs.value.length <= 1;
  return (
    <Card title="Tabs">
      <div class="stack">
        {isAlone ? (
          <p class="small muted">
            This is the only tab with the playground. Open{" "}
            <a href={location.href} target="_blank" rel="noopener">
              another one
            </a>{" "}
            to see it join.
          </p>
        ) : (
          <ul class="tabs-list">
            {tabs.value.map(({ id, database, isThis }) => (
              <li key={id} class="row">
                <Badge kind={isThis ? "accent" : undefined}>{isThis ? "this tab" : "tab"}</Badge>
                <span class="mono">{id}</span>
                <span class="small">
                  {database === "" ? "nothing open" : `has ${database} open`}
                </span>
              </li>
            ))}
          </ul>
        )}
        {owner !== undefined && owner.tabs > 1 && (
          <p class="small">
            {owner.role === "owner"
              ? "This tab runs SQLite"
              : "Another tab runs SQLite for this one"}
            : {owner.connections} connections of {owner.tabs} tabs in {owner.threads} threads. Close
            the tab that runs it, and another takes over.
          </p>
        )}
      </div>
    </Card>
  );
}
