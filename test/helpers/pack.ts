import { execFileSync } from "node:child_process";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));

/**
 * Packs the library, as it was built, into `directory`, and returns the tarball's path. Its scripts are not
 * run: they would build it anew, while other tests use it.
 */
export function pack(directory: string): string {
  const args = ["pack", "--silent", "--ignore-scripts", "--pack-destination", directory, ROOT];
  return join(directory, execFileSync("npm", args, { encoding: "utf8" }).trim());
}
