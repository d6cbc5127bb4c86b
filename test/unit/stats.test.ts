import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { Histogram } from "../../src/pool/stats.ts";

describe("Histogram", () => {
  test("is all zeros when nothing was recorded", () => {
    expect(new Histogram().summary()).toEqual({
      count: 0,
      min: 0,
      mean: 0,
      p50: 0,
      p90: 0,
      p99: 0,
      max: 0,
    });
  });

  test("percentiles are off by 3 % at most", () => {
    fc.assert(
      fc.property(
        fc.array(fc.double({ min: 0.001, max: 1e6, noNaN: true }), { minLength: 1 }),
        (times) => {
          const histogram = new Histogram();
          for (const time of times) histogram.record(time);
          const sorted = [...times].sort((a, b) => a - b);
          const summary = histogram.summary();
          expect(summary.count).toBe(times.length);
          expect(summary.min).toBe(sorted[0]);
          expect(summary.max).toBe(sorted.at(-1));
          for (const [share, got] of [
            [0.5, summary.p50],
            [0.9, summary.p90],
            [0.99, summary.p99],
          ] as const) {
            const exact = sorted[Math.ceil(times.length * share) - 1] ?? 0;
            expect(Math.abs(got - exact)).toBeLessThanOrEqual(exact * 0.03);
          }
        },
      ),
    );
  });
});
