import { useSignal } from "@preact/signals";
import { useEffect, useMemo } from "preact/hooks";
import type { HealthReport, HealthStatus, PoolStats } from "sqlite-wasm-pool";
import { count, milliseconds, rate } from "../format/value.ts";
import { LoadSwitch } from "../load/load-switch.tsx";
import { attempt } from "../state/notices.ts";
import { openSession, type Session } from "../state/session.ts";
import { Badge, Button, Card, Figures } from "../ui/controls.tsx";
import { Scroll } from "../ui/scroll.tsx";
import { monitorOf } from "./checks.ts";
import { PROFILES, type Profile } from "./profiles.ts";
import { advise, percent, windowBetween } from "./sizing.ts";

const EVERY_MS = 5_000;
const KINDS = { healthy: "good", degraded: "warn", unhealthy: "bad" } as const;

/** Is the pool well, and is it the right size? */
export function HealthView({ session }: { readonly session: Session }) {
  return (
    <div class="two-columns">
      <p class="intro wide">
        Is the pool well, and is it the right size for what is asked of it? Put your own load on it,
        or the one of this page.
      </p>
      <HealthCard session={session} />
      <SizingCard session={session} />
      <ProfilesCard session={session} />
      <CountersCard session={session} />
    </div>
  );
}

function HealthCard({ session }: { readonly session: Session }) {
  const monitor = useMemo(() => monitorOf(session), [session]);
  const report = useSignal<HealthReport | undefined>(undefined);
  const look = async () => {
    report.value = await monitor.checkHealth();
  };
  useEffect(() => {
    void look();
    const timer = setInterval(look, EVERY_MS);
    return () => clearInterval(timer);
  }, [monitor]);
  const { value } = report;
  return (
    <Card
      title="Health"
      isFlush
      actions={
        <>
          {value && <Status status={value.status} />}
          <Button icon="refresh" onClick={() => attempt(look)}>
            Check now
          </Button>
        </>
      }
    >
      <table class="plain-table checks">
        <thead>
          <tr>
            <th scope="col">Check</th>
            <th scope="col">Status</th>
            <th scope="col" class="number">
              Took
            </th>
          </tr>
        </thead>
        <tbody>
          {value?.checks.map(({ name, status, message, duration }) => (
            <tr key={name}>
              <th scope="row">
                {name}
                {message !== undefined && <div class="small muted">{message}</div>}
              </th>
              <td>
                <Status status={status} />
              </td>
              <td class="number">{milliseconds(duration)}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </Card>
  );
}

function Status({ status }: { readonly status: HealthStatus }) {
  return <Badge kind={KINDS[status]}>{status}</Badge>;
}

function SizingCard({ session }: { readonly session: Session }) {
  const { pool, recorder } = session;
  void recorder.ticks.value;
  const first = useSignal<PoolStats>(pool.stats());
  const last = pool.stats();
  const window = windowBetween(first.value, last);
  const { verdict, text, size } = advise(window, last);
  return (
    <Card
      title="Sizing, from the measured load"
      actions={
        <>
          <Button
            onClick={() => {
              first.value = pool.stats();
            }}
          >
            Measure anew
          </Button>
          <LoadSwitch session={session} />
        </>
      }
    >
      <div class="stack">
        <Figures
          items={[
            ["Measured", window.seconds.toFixed(0), "s"],
            ["Leases", rate(window.perSecond), "/s"],
            ["Mean hold", milliseconds(window.meanHeldMs)],
            ["Mean wait", milliseconds(window.meanWaitMs)],
            ["Wait share", percent(window.waitShare)],
            ["In use", window.inUse.toFixed(2), `of ${last.max}`],
          ]}
        />
        <p class="small muted">
          Little's law: in use = leases/s × mean hold = {rate(window.perSecond)} ×{" "}
          {milliseconds(window.meanHeldMs)} = {window.inUse.toFixed(2)}
        </p>
        <p class={`note advice ${verdict === "warn" ? "warn" : ""}`} role="status">
          {text}
        </p>
        {size !== undefined && size !== last.max && (
          <div class="row">
            <Button
              onClick={() => {
                pool.resize(size);
                first.value = pool.stats();
              }}
            >
              {`Resize to ${size} and measure anew`}
            </Button>
          </div>
        )}
      </div>
    </Card>
  );
}

function ProfilesCard({ session }: { readonly session: Session }) {
  const time = (ms: number) => (ms === Number.POSITIVE_INFINITY ? "for ever" : `${ms / 1_000} s`);
  const apply = ({ settings }: Profile) => openSession({ ...session.settings, ...settings });
  return (
    <Card title="Where to start" class="wide" isFlush>
      <Scroll class="scroll-x" label="Profiles">
        <table class="plain-table profiles">
          <thead>
            <tr>
              <th scope="col">Load</th>
              <th scope="col">When</th>
              <th scope="col" class="number">
                maxConnections
              </th>
              <th scope="col" class="number">
                acquireTimeout
              </th>
              <th scope="col" class="number">
                maxWaiters
              </th>
              <th scope="col" class="number">
                idleTimeout
              </th>
              <th scope="col">
                <span class="visually-hidden">Apply</span>
              </th>
            </tr>
          </thead>
          <tbody>
            {PROFILES.map((profile) => {
              const { name, when, settings } = profile;
              return (
                <tr key={name}>
                  <th scope="row">{name}</th>
                  <td>{when}</td>
                  <td class="number">{settings.maxConnections}</td>
                  <td class="number">{time(settings.acquireTimeout)}</td>
                  <td class="number">
                    {settings.maxWaiters === Number.POSITIVE_INFINITY ? "any" : settings.maxWaiters}
                  </td>
                  <td class="number">{time(settings.idleTimeout)}</td>
                  <td class="end">
                    <Button
                      label={`Open the pool anew with the profile ${name}`}
                      onClick={() => attempt(() => apply(profile))}
                    >
                      Apply
                    </Button>
                  </td>
                </tr>
              );
            })}
          </tbody>
        </table>
      </Scroll>
    </Card>
  );
}

function CountersCard({ session }: { readonly session: Session }) {
  const { pool, recorder } = session;
  void recorder.ticks.value;
  const stats = pool.stats();
  return (
    <Card
      title="Since the pool was opened"
      class="wide"
      isFlush
      actions={
        <Button
          icon="copy"
          onClick={() =>
            attempt(() => navigator.clipboard.writeText(JSON.stringify(pool.stats(), null, 2)))
          }
        >
          Copy as JSON
        </Button>
      }
    >
      <Figures
        items={[
          ["Acquired", count(stats.acquired)],
          ["Released", count(stats.released)],
          ["Created", count(stats.created)],
          ["Closed", count(stats.closed)],
          ["Replaced", count(stats.replaced)],
          ["Timed out", count(stats.timedOut)],
          ["Aborted", count(stats.aborted)],
          ["Rejected", count(stats.rejected)],
          ["Leaked", count(stats.leaked)],
          ["Statements", count(stats.queries)],
          ["Rows", count(stats.rows)],
          ["Errors", count(stats.errors)],
          ["Lock waits", count(stats.busy)],
          ["Query p99", milliseconds(stats.queryTime.p99)],
        ]}
      />
    </Card>
  );
}
