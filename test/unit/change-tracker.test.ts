import { expect, test } from "vitest";
import { ChangeTracker } from "../../src/engine/change-tracker.ts";

const t = { tables: ["t"], uncounted: false };
const u = { tables: ["u"], uncounted: false };

test("a commit that fails and leaves the transaction open is not told of, the next one is", () => {
  const tracker = new ChangeTracker();
  tracker.wrote(t);
  tracker.commits();
  tracker.settle(true);
  expect(tracker.take()).toBeUndefined();
  tracker.wrote(u);
  tracker.commits();
  tracker.settle(false);
  expect(tracker.take()).toEqual(["t", "u"]);
  expect(tracker.take()).toBeUndefined();
});

test("of two hooks of one statement the last one counts", () => {
  const tracker = new ChangeTracker();
  tracker.commits();
  tracker.rollsBack();
  tracker.wrote(t);
  tracker.settle(false);
  expect(tracker.take()).toBeUndefined();
  tracker.rollsBack();
  tracker.commits();
  tracker.wrote(u);
  tracker.settle(false);
  expect(tracker.take()).toEqual(["u"]);
});

test("the list of a statement that is alone in its transaction stays the same object", () => {
  const tracker = new ChangeTracker();
  for (let i = 0; i < 2; i++) {
    expect(tracker.knows(t)).toBe(false);
    tracker.wrote(t);
    expect(tracker.knows(t)).toBe(true);
    tracker.commits();
    tracker.settle(false);
    expect(tracker.take()).toBe(t.tables);
  }
});

test('"any" takes in every name', () => {
  const tracker = new ChangeTracker();
  tracker.committed("any");
  tracker.committed(["t"]);
  expect(tracker.take()).toBe("any");
});
