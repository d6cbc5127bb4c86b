// One program, unchanged, in five kinds of place: each says the same.

import { copyFileSync, mkdirSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, expect, test } from "vitest";
import { launchChromium } from "../harness/browsers/chromium.ts";
import { launchFirefox } from "../harness/browsers/firefox.ts";
import { bundle } from "../harness/bundle.ts";
import { startServer } from "../harness/server.ts";
import { makeProject } from "../helpers/project.ts";
import { start } from "./run.ts";
import { bun, deno, node } from "./runtimes.ts";

const PROGRAM = "examples/everywhere.js";

const project = makeProject();
afterAll(() => project[Symbol.dispose]());
mkdirSync(join(project.directory, "examples"));
copyFileSync(
  fileURLToPath(new URL(`../../${PROGRAM}`, import.meta.url)),
  join(project.directory, PROGRAM),
);

const EXPECTED = [
  "sums seen meanwhile: 50000",
  "refused: SQLITE_CONSTRAINT_CHECK",
  "Ada: 10024",
  "Edsger: 10012",
  "Tony: 10000",
  "Grace: 9988",
  "Barbara: 9976",
  "1152921504606846976 | zażółć 🦆 |  | 1,2,255 | 0.30000000000000004",
  "the copy has 50000 cents",
  "integrity: ok",
];

test.each([deno, bun, node(20), node(22), node(24), node(26)])(
  "examples/everywhere.js in $name",
  async (runtime) => {
    const { output, errors, code } = await start(runtime, project, PROGRAM).end();
    expect({ code, errors, lines: output.trimEnd().split("\n") }).toEqual({
      code: 0,
      errors: "",
      lines: EXPECTED,
    });
  },
);

test.each([
  { name: "Chromium", launch: launchChromium },
  { name: "Firefox", launch: launchFirefox },
])("examples/everywhere.js in a page and in a web worker of $name", async ({ launch }) => {
  await using server = await startServer({ files: await bundle([PROGRAM]), isolated: true });
  await using browser = await launch();
  const program = `${server.origin}/${PROGRAM}.js`;
  const tab = await browser.open(`${server.origin}/blank`);
  const inPage = await tab.run(async (url) => {
    const lines: string[] = [];
    console.log = (...words) => void lines.push(words.join(" "));
    // Vitest would make a function of its own of an import here.
    await new Function("url", "return import(url)")(url);
    return lines;
  }, program);
  expect(inPage).toEqual(EXPECTED);
  const inWorker = await tab.run(async (url) => {
    const script = `
      const lines = [];
      console.log = (...words) => void lines.push(words.join(" "));
      import(${JSON.stringify(url)}).then(() => postMessage(lines), (error) => postMessage([String(error)]));`;
    const address = URL.createObjectURL(new Blob([script], { type: "text/javascript" }));
    const worker = new Worker(address, { type: "module" });
    return new Promise<string[]>((resolve) => {
      worker.onmessage = ({ data }) => resolve(data);
    });
  }, program);
  expect(inWorker).toEqual(EXPECTED);
});
