// The coherence rules of the wal-index, and proof that the scenarios would notice if one were broken:
// each mutant is the real build with one rule taken out, and must fail.

import { cpSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { describe, expect, test } from "vitest";
import { useDirectory } from "../helpers/kinds.ts";
import { loadBuild, World } from "./instances.ts";
import { scenarios } from "./scenarios.ts";

const DIST = fileURLToPath(new URL("../../dist", import.meta.url));
const PACKAGE = fileURLToPath(new URL("../../package.json", import.meta.url));
const MODULES = fileURLToPath(new URL("../../node_modules", import.meta.url));

interface Mutant {
  readonly rule: string;
  /** The module that is changed, `shm/wal-index.js` where nothing is said. */
  readonly module?: string;
  readonly replacements: readonly (readonly [string, string])[];
  /** A scenario that must fail with it. */
  readonly caughtBy: string;
}

const MUTANTS: readonly Mutant[] = [
  {
    rule: "the header is pushed only when WRITE is let go",
    replacements: [
      ["this.#push();", "globalThis.lettingGo = first; this.#push();"],
      [
        "ownsA && this.#headerDiffers",
        "globalThis.lettingGo === 0 && ownsA && this.#headerDiffers",
      ],
    ],
    caughtBy: "a reader that comes while the log restarts does not read what is written over",
  },
  {
    rule: "nothing is pulled after a lock",
    replacements: [
      ["            this.pull();\n        }\n        catch", "        }\n        catch"],
    ],
    caughtBy: "a writer learns of a commit made just before it takes the lock",
  },
  {
    rule: "read marks are pushed blindly",
    replacements: [["if (value === this.#shadowB[i])\n                continue;", ""]],
    caughtBy: "a reader's mark survives another one that is published at the same time",
  },
  {
    rule: "GEN counts as seen after every push",
    replacements: [["if (before !== this.#seen)\n                return;", ""]],
    caughtBy: "a reader's mark survives another one that is published at the same time",
  },
  {
    rule: "a region mapped while holding WRITE stays blank",
    replacements: [
      [
        "this.#copyNewRegion(index, address);",
        `if (this.#holdsWrite) {
          this.#heap.u8().fill(0, address, address + REGION_BYTES);
          this.#regions[index] = { address, seen: Atomics.load(this.#control, REGION_GEN + index) };
        } else this.#copyNewRegion(index, address);`,
      ],
    ],
    caughtBy: "a checkpointer finds the pages of regions it has not had before",
  },
  {
    rule: "only the first region is pushed",
    replacements: [["const last = regionOf(frames);", "const last = 0;"]],
    caughtBy: "every region of the index reaches the other instances",
  },
  {
    rule: "frames are appended without their place in the hash table",
    module: "shm/frame-index.js",
    replacements: [["to[target + word] = from[source + word] ?? 0;", ""]],
    caughtBy: "small commits in turns reach the other instance, on into the next region",
  },
  {
    rule: "frames are held where no lock is let go of",
    module: "engine/open-files.js",
    replacements: [["database.index.isWriting", "true"]],
    caughtBy: "what a connection on its own has rolled back does not come over a later commit",
  },
  {
    rule: "who had the file to itself publishes nothing",
    module: "engine/open-files.js",
    replacements: [["opened.level === LOCK_EXCLUSIVE", "false"]],
    caughtBy: "what a connection on its own has committed is seen once it shares again",
  },
  {
    rule: "the index stays when who had the file to itself dies",
    module: "shm/lock-table.js",
    replacements: [["Atomics.load(control, FILE_PENDING) === slot + 1", "false"]],
    caughtBy: "what a connection on its own has committed is seen when it has died",
  },
  {
    rule: "what was read of the log ahead of need outlives the read transaction",
    module: "engine/vfs.js",
    replacements: [["log.forget();", ""]],
    caughtBy: "frames that come in place of old ones are read anew",
  },
  {
    rule: "spilled frames stay held after the transaction",
    module: "engine/vfs.js",
    replacements: [["database.holding?.drop();", ""]],
    caughtBy: "what a transaction has spilled and rolled back does not come over the next commit",
  },
  {
    rule: "nBackfill is published whether its pages are in the file or not",
    module: "engine/vfs.js",
    replacements: [["database.index.undoBackfill();", ""]],
    caughtBy: "a checkpoint that cannot write its last pages has copied none",
  },
  {
    rule: "the header is never pulled",
    replacements: [["heap.set(this.#master.subarray(0, HEADERS_BYTES), address);", ""]],
    caughtBy: "a commit is seen by every other instance",
  },
];

describe("the wal-index keeps instances coherent", () => {
  for (const [claim, run] of Object.entries(scenarios)) {
    test(claim, async () => run(new World(await loadBuild(DIST))));
  }
});

describe("the scenarios notice when a rule is broken", () => {
  // What lies in a node_modules is loaded by Node as it is.
  const directory = useDirectory();
  mkdirSync(directory("node_modules"));
  symlinkSync(`${MODULES}/@sqlite.org`, directory("node_modules/@sqlite.org"));
  test.each(MUTANTS.map((mutant) => [mutant.rule, mutant] as const))("%s", async (rule, mutant) => {
    const place = directory(`node_modules/${rule.replaceAll(" ", "-")}`);
    cpSync(DIST, `${place}/dist`, { recursive: true });
    cpSync(PACKAGE, `${place}/package.json`);
    const module = `${place}/dist/${mutant.module ?? "shm/wal-index.js"}`;
    let code = readFileSync(module, "utf8");
    for (const [from, to] of mutant.replacements) {
      expect(code.split(from)).toHaveLength(2);
      code = code.replace(from, () => to);
    }
    writeFileSync(module, code);
    const run = scenarios[mutant.caughtBy];
    if (run === undefined) throw new Error(`there is no scenario "${mutant.caughtBy}"`);
    const build = await loadBuild(`${place}/dist`);
    await expect(run(new World(build))).rejects.toThrow();
  });
});
