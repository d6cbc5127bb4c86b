// A user's project in a directory of its own: the package installed as it is published, and suites that
// were bundled because not every runtime reads TypeScript.

import { execFileSync } from "node:child_process";
import { cpSync, mkdirSync, mkdtempSync, realpathSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { rolldown } from "rolldown";
import { pack } from "./pack.ts";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));

/** The project, deleted at the end of its scope. */
export interface Project extends Disposable {
  readonly directory: string;
}

/** Makes a project that has the package installed. Nothing is downloaded. */
export function makeProject(): Project {
  const directory = realpathSync(mkdtempSync(join(tmpdir(), "sqlite-wasm-pool-project-")));
  const tarball = pack(directory);
  const modules = join(directory, "node_modules");
  const installed = join(modules, "sqlite-wasm-pool");
  mkdirSync(installed, { recursive: true });
  execFileSync("tar", ["-xzf", tarball, "-C", installed, "--strip-components=1"], {
    cwd: directory,
  });
  cpSync(join(ROOT, "node_modules/@sqlite.org"), join(modules, "@sqlite.org"), { recursive: true });
  writeFileSync(join(directory, "package.json"), '{ "type": "module" }\n');
  cpSync(join(ROOT, "test/runtimes/programs.js"), join(directory, "programs.js"));
  return {
    directory,
    [Symbol.dispose]: () => rmSync(directory, { recursive: true, force: true }),
  };
}

/** Bundles `sources` into the project: `test/a.ts` becomes `test/a.js`. */
export async function bundleInto(project: Project, sources: readonly string[]): Promise<void> {
  const build = await rolldown({
    input: Object.fromEntries(sources.map((file) => [file.replace(/\.ts$/, ""), ROOT + file])),
    platform: "node",
    transform: { target: "node20" },
    // Vitest looks for the last and goes without.
    external: ["sqlite-wasm-pool", "@opentelemetry/api"],
    plugins: [
      {
        name: "suites",
        // The package says that its modules only define things. Its tests do more.
        transform: (_, id) =>
          id.startsWith(`${ROOT}test/`) ? { moduleSideEffects: true } : undefined,
        // No native add-on: it would belong to one version of Node.
        resolveId: (id) =>
          id === "./native-judge.ts" ? `${ROOT}test/helpers/places/asm-judge.ts` : undefined,
      },
    ],
    logLevel: "warn",
  });
  await build.write({
    dir: project.directory,
    format: "esm",
    sourcemap: "inline",
    entryFileNames: "[name].js",
  });
  await build.close();
}
