import { estimateStorage, HealthMonitor, poolHealthCheck } from "sqlite-wasm-pool";
import { byteCount, count } from "../format/value.ts";
import type { Session } from "../state/session.ts";

/** A log of more frames than this slows readers down: something keeps it from being moved. */
const LONG_LOG_FRAMES = 10_000;
const FULL_SHARE = 0.8;

/** The monitor of a pool: the library's own check, and two of this page's. */
export function monitorOf({ pool }: Session): HealthMonitor {
  const monitor = new HealthMonitor();
  monitor.register(poolHealthCheck(pool, { timeout: 2_000 }));
  monitor.register("write-ahead log", async () => {
    const { log } = pool.stats();
    if (log === undefined) return { status: "healthy", message: "not to be seen from here" };
    const left = log.frames - log.checkpointed;
    const message = `${count(left)} frames to be moved into the database`;
    return { status: left > LONG_LOG_FRAMES ? "degraded" : "healthy", message };
  });
  monitor.register("quota", async () => {
    const { usageBytes, quotaBytes } = await estimateStorage();
    const message = `${byteCount(usageBytes)} of ${byteCount(quotaBytes)} used`;
    return { status: usageBytes / quotaBytes > FULL_SHARE ? "degraded" : "healthy", message };
  });
  return monitor;
}
