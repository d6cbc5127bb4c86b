// What is published: packed, installed elsewhere without install scripts, and imported by its name.

import { execFileSync } from "node:child_process";
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { publint } from "publint";
import { formatMessage } from "publint/utils";
import { describe, expect, test } from "vitest";
import { useDirectory } from "./helpers/kinds.ts";
import { pack } from "./helpers/pack.ts";

const ROOT = fileURLToPath(new URL("..", import.meta.url));

describe("the package", () => {
  const path = useDirectory();

  test("has nothing publint would object to", async () => {
    const { messages, pkg } = await publint({ pkgDir: ROOT });
    expect(messages.map((message) => formatMessage(message, pkg))).toEqual([]);
  });

  test("works when it is unpacked elsewhere, types and source maps included", () => {
    const place = path("consumer");
    mkdirSync(`${place}/node_modules`, { recursive: true });
    execFileSync("tar", ["-xzf", pack(place), "-C", place]);
    symlinkSync(`${place}/package`, `${place}/node_modules/sqlite-wasm-pool`);
    mkdirSync(`${place}/package/node_modules`);
    symlinkSync(`${ROOT}/node_modules/@sqlite.org`, `${place}/package/node_modules/@sqlite.org`);
    writeFileSync(`${place}/package.json`, '{ "type": "module" }');
    writeFileSync(
      `${place}/main.js`,
      `import { openPool } from "sqlite-wasm-pool";
       const pool = await openPool("app.db", { threads: 2 });
       await pool.executeScript("CREATE TABLE t (a); INSERT INTO t VALUES (41)");
       console.log(await pool.queryValue("SELECT a + 1 FROM t"));
       await pool.close();`,
    );
    const output = execFileSync(process.execPath, ["main.js"], { cwd: place, encoding: "utf8" });
    expect(output).toBe("42\n");
    expect(readFileSync(`${place}/package/dist/surface.d.ts`, "utf8")).toContain("ConnectionPool");
    const dist = `${place}/package/dist/`;
    const files = readdirSync(dist, { recursive: true, encoding: "utf8" });
    const maps = files.filter((file) => file.endsWith(".js.map"));
    expect(maps).toContain("worker/node.js.map");
    for (const map of maps) {
      expect(readFileSync(dist + map.replace(/\.map$/, ""), "utf8")).toContain("sourceMappingURL=");
      const { sources } = JSON.parse(readFileSync(dist + map, "utf8")) as { sources: string[] };
      const missing = sources
        .filter((source) => !source.includes("/node_modules/"))
        .filter((source) => !existsSync(join(dist, dirname(map), source)));
      expect([map, missing]).toEqual([map, []]);
    }
  });

  test("can be imported by a server that renders pages, and refuses to open anything there", () => {
    const script = `
      // From Node 21 on there is one.
      globalThis.navigator ??= { userAgent: "Node.js/22" };
      const { deleteDatabase, listDatabases, openPool } = await import("sqlite-wasm-pool");
      const refusals = [openPool("a.db"), openPool(":memory:"), listDatabases(), deleteDatabase("a.db")];
      refusals.push(openPool(":memory:", { threads: 0 }));
      // As a server may make one to render a page.
      globalThis.document = {};
      refusals.push(openPool(":memory:"));
      for (const refusal of refusals) console.log(await refusal.catch(({ code }) => code));`;
    const output = execFileSync(
      process.execPath,
      ["--conditions", "browser", "--input-type=module", "-e", script],
      { cwd: ROOT, encoding: "utf8" },
    );
    expect(output).toBe("STORAGE_UNSUPPORTED\n".repeat(6));
  });

  test("does nothing but define things when it is imported", () => {
    const script = `
      const before = process._getActiveHandles().length;
      await import("sqlite-wasm-pool");
      if (process._getActiveHandles().length !== before) throw new Error("it started something");`;
    execFileSync(process.execPath, ["--input-type=module", "-e", script], { cwd: ROOT });
  });
});
