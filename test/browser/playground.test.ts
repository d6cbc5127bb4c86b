// The playground, used as a person uses it: built as it is deployed, in real browsers.

import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { fileURLToPath } from "node:url";
import { openPool } from "sqlite-wasm-pool";
import type { Rolldown } from "vite";
import { build } from "vite";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import type { Browser } from "../harness/browsers/browser.ts";
import { launchChromium } from "../harness/browsers/chromium.ts";
import { launchFirefox } from "../harness/browsers/firefox.ts";
import { inWholeMatrix } from "../harness/matrix.ts";
import { startServer, type TestServer } from "../harness/server.ts";
import { useDirectory } from "../helpers/kinds.ts";
import { Person } from "./person.ts";

const CONFIG = fileURLToPath(new URL("../../vite.config.ts", import.meta.url));
const AXE = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");
const VIEWS = ["Console", "Pool", "Load", "Storage", "Health"];
const ENDLESS = `WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 1000000000000)
  SELECT count(*) FROM n`;

type Files = Map<string, string | Uint8Array>;

async function buildPlayground(): Promise<Files> {
  const built = (await build({
    configFile: CONFIG,
    logLevel: "error",
    build: { write: false },
  })) as Rolldown.RolldownOutput;
  const files: Files = new Map();
  for (const file of built.output) {
    files.set(`/${file.fileName}`, file.type === "chunk" ? file.code : file.source);
  }
  return files;
}

const path = useDirectory();
let files: Files;
let isolated: TestServer;
let plain: TestServer;
beforeAll(async () => {
  files = await buildPlayground();
  isolated = await startServer({ files, isolated: true });
  plain = await startServer({ files });
}, 120_000);
afterAll(async () => {
  await isolated?.[Symbol.asyncDispose]();
  await plain?.[Symbol.asyncDispose]();
});

describe.each([
  ["Chromium", launchChromium] as const,
  ...inWholeMatrix([["Firefox", launchFirefox] as const]),
])("the playground in %s", (name, launch) => {
  /** For what is the page's own, and no other in another browser. */
  const once = test.runIf(name === "Chromium");
  let browser: Browser;
  let count = 0;
  /** Databases are shared by the tabs of an origin: each test has its own. */
  let database = "";
  const people: Person[] = [];
  beforeAll(async () => {
    browser = await launch();
  }, 60_000);
  afterAll(() => browser?.[Symbol.asyncDispose]());
  beforeEach(async () => {
    database = `test-${++count}.db`;
    for (const { tab } of people.splice(0)) await tab.close();
  });

  async function visit(hash = "", server = isolated): Promise<Person> {
    const tab = await browser.open(`${server.origin}/index.html#console?db=${database}${hash}`);
    const person = new Person(tab);
    people.push(person);
    await person.sees(".opened", database);
    await person.sees(".cm-content");
    return person;
  }

  async function run(person: Person, sql: string): Promise<void> {
    await person.writeSql(sql);
    await person.press("Control+Enter");
  }

  const cells = (person: Person) =>
    person.tab.run(
      () => [...document.querySelectorAll("[role=gridcell]")].map((cell) => cell.textContent),
      undefined,
    );

  test("runs what is typed, shows every value as it is, and keeps the data over a reload", async () => {
    const person = await visit();
    await run(
      person,
      `CREATE TABLE t (a); INSERT INTO t VALUES (9223372036854775807), (NULL), (x'00ff'), ('é');
       SELECT a, a FROM t;`,
    );
    expect(await person.sees(".status", "4 rows")).toMatch(/on connection \d+ · waited/);
    await person.sees("[role=gridcell]", "9223372036854775807");
    const shown = ["9223372036854775807", "NULL", "00 ff (2 B)", "é"];
    expect(await cells(person)).toEqual(shown.flatMap((value) => [value, value]));
    await person.sees(".schema", "t");
    await person.tab.reload();
    await person.sees(".schema", "t");
    await run(person, "SELECT count(*) AS n FROM t");
    await person.sees("[role=gridcell]", "4");
    expect(await cells(person)).toEqual(["4"]);
  });

  once("marks a syntax error where it is", async () => {
    const person = await visit();
    await run(person, "SELECT 'é';\nSELECT 'ü' FRM t");
    expect(await person.sees("[role=alert]")).toContain("SQLITE_ERROR");
    expect(await person.sees(".cm-lintRange-error")).toBe("t");
  });

  once("completes names of the schema", async () => {
    const person = await visit();
    await run(person, "CREATE TABLE mountains (height_in_metres REAL)");
    await person.sees(".schema", "mountains");
    await person.writeSql("SELECT * FROM ");
    await person.type("moun");
    await person.sees(".cm-tooltip-autocomplete", "mountains");
  });

  once("scrolls through 100,000 rows", async () => {
    const person = await visit();
    await run(
      person,
      "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 100000) SELECT i FROM n",
    );
    await person.sees(".status", "100,000 rows");
    await person.click("[role=gridcell]");
    await person.sees("[role=gridcell]:focus", "1");
    await person.press("Control+End");
    await person.sees("[role=gridcell]:focus", "100000");
    const inDocument = await person.tab.run(
      () => document.querySelectorAll("[role=row]").length,
      undefined,
    );
    expect(inDocument).toBeLessThan(200);
  });

  test("cancels a statement that runs without end, and goes on", async () => {
    const person = await visit();
    await run(person, ENDLESS);
    await person.click("button", "Cancel");
    await person.sees("[role=alert]", "Cancelled");
    await run(person, "SELECT 1 + 1");
    await person.sees("[role=gridcell]", "2");
  });

  once("shows the plan of a statement as a tree", async () => {
    const person = await visit();
    await run(person, "CREATE TABLE t (id INTEGER PRIMARY KEY, a)");
    await person.sees(".schema", "t");
    await person.writeSql("SELECT * FROM t WHERE id IN (SELECT a FROM t)");
    await person.click("button", "Explain");
    await person.sees(".plan li", "SEARCH t USING INTEGER PRIMARY KEY");
    await person.sees(".plan li li", "SCAN t");
  });

  test("survives a worker that is killed", async () => {
    const person = await visit();
    await run(person, "CREATE TABLE t (a); INSERT INTO t VALUES (1)");
    await person.sees(".status", "2 statements");
    await person.goTo("Pool");
    await person.click("button", "Kill a worker");
    const story = await person.sees(".story", "Connections replaced");
    expect(story).toContain("WORKER_CRASHED");
    expect(story).toContain("quick_check of the database: ok");
    await person.sees(".events", "replace");
    await person.goTo("Console");
    await run(person, "SELECT count(*) FROM t");
    await person.sees("[role=gridcell]", "1");
  });

  once.each([
    ["Exhaust the pool", "All are given back"],
    ["Fill the quota", "quick_check: ok"],
    ["Forget a COMMIT", "The table is not there"],
    ["Long transaction", "The second writer got its turn"],
  ])("%s: the pool copes, and tells", async (fault, end) => {
    const person = await visit();
    await person.goTo("Pool");
    await person.click("button", fault);
    expect(await person.sees(".story", end)).not.toContain("BUG");
  });

  once("measures a load and a race on the spot", async () => {
    const person = await visit();
    await person.goTo("Load");
    await person.click("button", "Start a load");
    await person.click("button", "Stop the load");
    await person.tab.run(() => {
      const slider = document.querySelector<HTMLInputElement>(".card:nth-of-type(2) [type=range]");
      if (slider === null) throw new Error("there is no slider");
      slider.value = "1";
      slider.dispatchEvent(new Event("input", { bubbles: true }));
    }, undefined);
    await person.click("button", "Start the race");
    await person.sees(".racer", "most requests");
    await person.sees("button", "Start the race");
    const speeds = await person.tab.run(
      () => [...document.querySelectorAll(".racer .speed")].map((each) => each.textContent ?? ""),
      undefined,
    );
    expect(speeds).toHaveLength(3);
    for (const speed of speeds)
      expect(Number.parseFloat(speed.replace(",", ""))).toBeGreaterThan(0);
    expect(await person.sees(".racers")).not.toContain("failed");
  });

  test("imports a file, exports, and deletes", async () => {
    const file = path(`imported-${name}.db`);
    const pool = await openPool(file);
    await pool.executeScript(
      "CREATE TABLE animals (name); INSERT INTO animals VALUES ('ox'), ('ant')",
    );
    await pool.close();
    const person = await visit();
    await person.goTo("Storage");
    await person.chooseFile("input[type=file]", file);
    await person.sees(".opened", `imported-${name}.db`);
    await person.sees(".databases li", `imported-${name}.db`);
    await person.goTo("Console");
    await person.sees(".schema", "animals");
    await run(person, "SELECT group_concat(name) FROM animals");
    await person.sees("[role=gridcell]", "ox,ant");
    await person.goTo("Storage");
    await person.click("button", "Export the open one");
    await person.sees(".toast", "exported");
    await person.click("button", `Delete imported-${name}.db`);
    await person.click("dialog button", "Delete it");
    await person.sees(".toast", "is deleted");
    await person.goTo("Console");
    await person.sees(".schema", "No tables yet");
  });

  once("refuses a file that is no database, and leaves nothing of it", async () => {
    const { writeFileSync } = await import("node:fs");
    writeFileSync(path("letter.db"), "Dear Ada, this is no database at all.".repeat(100));
    const person = await visit();
    await person.goTo("Storage");
    await person.chooseFile("input[type=file]", path("letter.db"));
    await person.sees(".toast", "STORAGE_CORRUPT");
    await person.sees(".opened", database);
    const names = await person.sees(".databases");
    expect(names).not.toContain("letter");
  });

  once("makes a sample, and takes it back when it is cancelled", async () => {
    const person = await visit();
    await person.goTo("Storage");
    await person.click("button[title='Make Shop, 1 M rows']");
    await person.sees(".making", "of 1,000,000 rows");
    await person.click(".making button", "Cancel");
    await person.sees(".toast", "nothing of it is left");
    await person.click("button[title='Make Notes, 20 k rows']");
    await person.sees(".toast", "is made and open");
    await person.goTo("Console");
    await person.sees(".cm-content", "MATCH");
    await person.click("button", "Run");
    await person.sees("[role=gridcell]", "[");
    await person.goTo("Storage");
    expect(await person.sees(".databases", "notes.db")).not.toContain("shop.db");
  });

  once("puts the SQL into the address, and runs nothing of an address by itself", async () => {
    const person = await visit(`&sql=${encodeURIComponent("CREATE TABLE from_a_link (a)")}`);
    await person.sees(".cm-content", "from_a_link");
    await run(person, "SELECT 'shared'");
    await person.sees("[role=gridcell]", "shared");
    expect(await person.sees(".schema")).toContain("No tables yet");
    const hash = await person.tab.run(() => location.hash, undefined);
    expect(new URLSearchParams(hash.split("?")[1]).get("sql")).toBe("SELECT 'shared'");
  });

  once("shows a second tab", async () => {
    const person = await visit();
    await person.goTo("Storage");
    const tab = await browser.open(`${isolated.origin}/index.html#storage?db=other-${database}`);
    people.push(new Person(tab));
    await person.sees(".tabs-list", `other-${database}`);
  });

  test("shares its database with a second tab, which takes over when the first is closed", async () => {
    const first = await visit();
    await run(first, "CREATE TABLE t (a); INSERT INTO t VALUES ('from the first')");
    await first.sees(".status", "2 statements");
    const second = await visit();
    await second.sees(".opened", "2 tabs, run by another");
    await run(second, "SELECT a FROM t");
    await second.sees("[role=gridcell]", "from the first");
    await first.tab.close();
    people.shift();
    await second.goTo("Pool");
    await second.sees(".events", "this tab runs SQLite now");
    await second.goTo("Console");
    await run(second, "SELECT count(*) FROM t");
    await second.sees("[role=gridcell]", "1");
  });

  test("works without cross-origin isolation, and says so", async () => {
    const person = await visit("", plain);
    await run(person, "CREATE TABLE t (a); INSERT INTO t VALUES (1); SELECT a FROM t");
    await person.sees("[role=gridcell]", "1");
    await person.tab.reload();
    await person.sees(".schema", "t");
    await person.sees(".opened", "not isolated");
    await person.goTo("Storage");
    await person.sees(".findings", "SharedArrayBuffer takes cross-origin isolation");
  });

  once("is accessible in every view, light and dark", async () => {
    const person = await visit();
    await run(person, "SELECT 1 AS a, NULL AS b, x'00' AS c");
    await person.sees("[role=gridcell]", "NULL");
    await person.tab.run((source) => {
      const script = document.createElement("script");
      script.textContent = source;
      document.head.append(script);
    }, AXE);
    for (const theme of ["light", "dark"]) {
      await person.click("button", "Theme");
      await person.sees(`html[data-theme=${theme}]`);
      for (const view of VIEWS) {
        await person.goTo(view);
        expect({ theme, view, violations: await violations(person) }).toEqual({
          theme,
          view,
          violations: [],
        });
      }
    }
  });
});

function violations(person: Person): Promise<string[]> {
  return person.tab.run(async () => {
    const { axe } = globalThis as unknown as {
      axe: { run(context: Document, options: object): Promise<{ violations: AxeViolation[] }> };
    };
    const tags = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"];
    const { violations } = await axe.run(document, { runOnly: tags });
    return violations.map(({ id, nodes }) => `${id}: ${nodes.map(({ html }) => html).join(" ")}`);
  }, undefined);
}

interface AxeViolation {
  readonly id: string;
  readonly nodes: readonly { readonly html: string }[];
}
