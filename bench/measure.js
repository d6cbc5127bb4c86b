// Timing: medians of several rounds, percentiles, and a table on the terminal.

/**
 * Milliseconds that each call of `body` took, `rounds` times.
 * @param {number} rounds
 * @param {() => unknown} body
 */
export async function times(rounds, body) {
  const taken = [];
  for (let i = 0; i < rounds; i++) {
    const start = performance.now();
    await body();
    taken.push(performance.now() - start);
  }
  return taken;
}

/** @param {readonly number[]} values */
export function mean(values) {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}

/** @param {readonly number[]} values */
export function median(values) {
  return percentile(values, 0.5);
}

/**
 * @param {readonly number[]} values
 * @param {number} share
 */
export function percentile(values, share) {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN;
}

/**
 * Microseconds per call, the median of five rounds of `count` calls after one that warms up.
 * @param {number} count
 * @param {(i: number) => unknown} body
 */
export async function perCall(count, body) {
  let i = 0;
  const round = async () => {
    for (let n = 0; n < count; n++) await body(i++);
  };
  await round();
  return (median(await times(5, round)) / count) * 1000;
}

/**
 * Calls per second, `depth` of them under way at any time, for about `forMs`.
 * @param {number} depth
 * @param {number} forMs
 * @param {(i: number, lane: number) => Promise<unknown>} body Given the number of the call, and which
 *   of those that are under way it is.
 */
export async function throughput(depth, forMs, body) {
  let done = 0;
  let i = 0;
  let end = performance.now() + forMs / 3;
  const lane = async (/** @type {number} */ number) => {
    while (performance.now() < end) {
      await body(i++, number);
      done++;
    }
  };
  const lanes = () => Promise.all(Array.from({ length: depth }, (_, number) => lane(number)));
  await lanes();
  const rates = [];
  for (let round = 0; round < 3; round++) {
    done = 0;
    const start = performance.now();
    end = start + forMs / 3;
    await lanes();
    rates.push((done / (performance.now() - start)) * 1000);
  }
  return median(rates);
}

/** @param {number} value */
export function short(value) {
  if (!Number.isFinite(value)) return "-";
  if (value >= 10_000) return `${Math.round(value / 1000)}k`;
  if (value >= 100) return String(Math.round(value));
  return value >= 10 ? value.toFixed(1) : value.toFixed(2);
}

/**
 * Prints rows in columns.
 * @param {readonly (readonly string[])[]} rows
 */
export function printTable(rows) {
  const widths = (rows[0] ?? []).map((_, i) =>
    Math.max(...rows.map((row) => (row[i] ?? "").length)),
  );
  for (const row of rows) {
    console.log(
      `  ${row.map((cell, i) => (i === 0 ? cell.padEnd(widths[i] ?? 0) : cell.padStart(widths[i] ?? 0))).join("   ")}`,
    );
  }
}

/**
 * One line that says whether a target was met.
 * @param {string} claim
 * @param {number} ratio
 * @param {number} target
 * @param {"at least" | "at most"} sense
 */
export function verdict(claim, ratio, target, sense) {
  const met = sense === "at least" ? ratio >= target : ratio <= target;
  console.log(`  ${met ? "met   " : "MISSED"}  ${claim}: ${short(ratio)} (${sense} ${target})`);
}
