// What the playground reckons by itself, without a page.

import { openPool, type PoolStats } from "sqlite-wasm-pool";
import { describe, expect, test } from "vitest";
import { toCsv, toJson, toTsv } from "../../playground/src/format/export.ts";
import { byteCount, cellText, hexDump } from "../../playground/src/format/value.ts";
import { advise, windowBetween } from "../../playground/src/health/sizing.ts";
import { Tally } from "../../playground/src/load/tally.ts";
import { chooseKind, seeded } from "../../playground/src/load/work.ts";
import { generate } from "../../playground/src/samples/generate.ts";
import { SAMPLES } from "../../playground/src/samples/samples.ts";
import { endOfToken, indexOfByte } from "../../playground/src/sql/offsets.ts";
import { judge, planTree } from "../../playground/src/sql/plan.ts";
import { EventLog } from "../../playground/src/state/event-log.ts";
import { DEFAULTS, readAddress, writeAddress } from "../../playground/src/state/link.ts";
import { percentile } from "../../playground/src/state/series.ts";
import { rejection } from "../helpers/kinds.ts";

describe("values", () => {
  test("are shown without loss", () => {
    expect(cellText(null)).toBe("NULL");
    expect(cellText(9223372036854775807n)).toBe("9223372036854775807");
    expect(cellText(-0)).toBe("-0.0");
    expect(cellText(Number.POSITIVE_INFINITY)).toBe("Inf");
    expect(cellText("a\tb\nc\u0000")).toBe("a␉b␊c␀");
    expect(cellText(new Uint8Array([0, 255]))).toBe("00 ff (2 B)");
    expect(hexDump(new Uint8Array([0x53, 0x51, 0x4c, 0x00]))).toMatch(
      /^00000000 {2}53 51 4c 00 .* SQL\.$/,
    );
    expect(byteCount(1_500_000)).toBe("1.50 MB");
  });

  const table = {
    columns: ["a", "a", 'with "quotes"'],
    rows: [
      [1, null, "x,y"],
      [9223372036854775807n, new Uint8Array([171]), ""],
    ],
  };

  test("become CSV that keeps NULL and empty text apart", () => {
    expect(toCsv(table)).toBe(
      'a,a,"with ""quotes"""\r\n1,,"x,y"\r\n9223372036854775807,x\'ab\',""\r\n',
    );
  });

  test("become JSON that no reader rounds", () => {
    expect(JSON.parse(toJson(table))).toEqual([
      { a: 1, "a:1": null, 'with "quotes"': "x,y" },
      { a: "9223372036854775807", "a:1": { $blob: "ab" }, 'with "quotes"': "" },
    ]);
    expect(JSON.parse(toJson({ columns: ["a"], rows: [] }))).toEqual([]);
  });

  test("become lines for a spreadsheet", () => {
    expect(toTsv({ columns: ["a", "b"], rows: [["x\ty", 2]] })).toBe("a\tb\nx y\t2");
  });
});

describe("SQL", () => {
  test("a byte offset is found in text of one to four bytes a character", () => {
    const text = "é€😀x";
    expect([0, 2, 5, 9, 10].map((byte) => indexOfByte(text, byte))).toEqual([0, 1, 2, 4, 5]);
    expect(endOfToken("SELECT fröm t", 7)).toBe(11);
    expect(endOfToken("'un''closed", 0)).toBe(4);
  });

  test("a plan is a tree, and says what costs", () => {
    const tree = planTree([
      [2, 0, 0, "SCAN t"],
      [4, 2, 0, "SEARCH u USING INTEGER PRIMARY KEY (rowid=?)"],
      [9, 0, 0, "USE TEMP B-TREE FOR ORDER BY"],
    ]);
    expect(tree.map(({ detail, children }) => [detail, children.length])).toEqual([
      ["SCAN t", 1],
      ["USE TEMP B-TREE FOR ORDER BY", 0],
    ]);
    expect(judge("SCAN t").judgement).toBe("warn");
    expect(judge("SCAN t USING COVERING INDEX i").judgement).toBeUndefined();
    expect(judge("SEARCH u USING INDEX i (a=?)").judgement).toBe("good");
  });
});

describe("the address", () => {
  test("keeps what differs from the defaults, and nothing else", () => {
    const settings = {
      ...DEFAULTS,
      database: "ä/b.db",
      maxConnections: 3,
      acquireTimeout: Number.POSITIVE_INFINITY,
    };
    const written = writeAddress({ view: "pool", settings, sql: "SELECT '#&?'" });
    expect(readAddress(written)).toEqual({ view: "pool", settings, sql: "SELECT '#&?'" });
    expect(writeAddress({ view: "health", settings: DEFAULTS, sql: undefined })).toBe("#health");
  });

  test("with nonsense in it gives the defaults", () => {
    const { view, settings } = readAddress("#nowhere?max=0&threads=many&storage=tape&leak=-1");
    expect({ view, settings }).toEqual({ view: "console", settings: DEFAULTS });
  });
});

describe("samples", () => {
  test.each(SAMPLES.filter(({ id }) => id === "notes" || id === "shop-50k"))(
    "$title has the rows it says, and its query finds some",
    async (sample) => {
      await using pool = await openPool(":memory:", { threads: 0 });
      const told: number[] = [];
      await generate(pool, sample, ({ done }) => told.push(done), new AbortController().signal);
      for (const { name, rows } of sample.tables) {
        expect(await pool.queryValue(`SELECT count(*) FROM ${name}`)).toBe(rows);
      }
      expect(told.at(-1)).toBe(sample.tables.reduce((sum, { rows }) => sum + rows, 0));
      expect(await pool.query("PRAGMA foreign_key_check")).toEqual([]);
      expect((await pool.query(sample.query)).length).toBeGreaterThan(20);
    },
  );

  test("stop when they are cancelled", async () => {
    await using pool = await openPool(":memory:", { threads: 0 });
    const aborter = new AbortController();
    const [sample] = SAMPLES;
    if (sample === undefined) throw new Error("there is no sample");
    const stop = ({ done }: { done: number }) => {
      if (done > 0) aborter.abort(new Error("enough"));
    };
    const error = await rejection(generate(pool, sample, stop, aborter.signal));
    expect(error.message).toBe("enough");
  });
});

describe("measuring", () => {
  test("a percentile is one of the values", () => {
    const values = Float64Array.from({ length: 200 }, (_, i) => i + 1);
    expect([0.5, 0.99, 1].map((share) => percentile(values, share))).toEqual([100, 198, 200]);
    expect(percentile([], 0.5)).toBeNull();
  });

  test("a tally counts by kind", () => {
    const tally = new Tally();
    expect(tally.hasBegun).toBe(false);
    tally.begin();
    tally.done("point", 1);
    tally.done("point", 3);
    tally.done("scan", 9);
    tally.failed(new Error("no"));
    tally.end();
    const { requests, errors, latest, kinds } = tally.measured;
    expect({ requests, errors, latest }).toEqual({ requests: 3, errors: 1, latest: "no" });
    expect(kinds).toMatchObject({ point: { count: 2, p50: 1, max: 3 }, write: { count: 0 } });
  });

  test("the same seed makes the same requests, in the mix that was asked for", () => {
    const kinds = (seed: number) => {
      const random = seeded(seed);
      return Array.from({ length: 4_000 }, () => chooseKind({ scan: 20, write: 10 }, random));
    };
    expect(kinds(7)).toEqual(kinds(7));
    const share = (kind: string) => kinds(7).filter((each) => each === kind).length / 4_000;
    expect(share("scan")).toBeCloseTo(0.2, 1);
    expect(share("write")).toBeCloseTo(0.1, 1);
  });

  test("the log makes one line of what comes thick, and keeps the rest apart", () => {
    const log = new EventLog();
    for (let i = 0; i < 50; i++) log.add("wait", undefined, `${i}`);
    log.add("replace", 3, "its thread died");
    log.add("replace", 4, "its thread died");
    expect(log.entries.map(({ kind, count }) => [kind, count])).toEqual([
      ["replace", 1],
      ["replace", 1],
      ["wait", 50],
    ]);
  });
});

describe("sizing", () => {
  const nothing = { count: 0, min: 0, mean: 0, p50: 0, p90: 0, p99: 0, max: 0 };
  const stats = (more: object) =>
    ({
      uptime: 0,
      released: 0,
      held: nothing,
      acquireWait: nothing,
      max: 5,
      threads: 4,
      ...more,
    }) as PoolStats;
  const measured = (heldMs: number, waitMs: number) =>
    windowBetween(
      stats({}),
      stats({
        uptime: 10_000,
        released: 1_000,
        held: { ...nothing, count: 1_000, mean: heldMs },
        acquireWait: { ...nothing, count: 1_000, mean: waitMs },
      }),
    );

  test("Little's law: leases a second times the time each is held", () => {
    const window = measured(20, 5);
    expect(window.perSecond).toBe(100);
    expect(window.inUse).toBe(2);
    expect(window.waitShare).toBe(0.2);
  });

  test("more connections are advised only where more would help", () => {
    expect(advise(measured(45, 60), stats({})).text).toContain("raise maxConnections");
    expect(advise(measured(45, 60), stats({})).size).toBeGreaterThan(5);
    expect(advise(measured(2, 60), stats({})).text).toContain("the one turn to write");
    expect(advise(measured(2, 0), stats({})).text).toContain("would do");
    expect(advise(windowBetween(stats({}), stats({})), stats({})).size).toBeUndefined();
  });
});
