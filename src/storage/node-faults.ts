// What the errors of `node:fs` mean, in Node, Deno and Bun.

import * as path from "node:path";
import type { StorageReason } from "../errors.ts";

const REASONS: Readonly<Record<string, StorageReason>> = {
  EACCES: "permission",
  EPERM: "permission",
  EROFS: "permission",
  ENOSPC: "quota",
  EDQUOT: "quota",
  EFBIG: "quota",
};

/** The name of Deno's error for what the program was not allowed by its flags. */
const NOT_CAPABLE = "NotCapable";

/** What an error says of the storage. */
export interface FaultDescription {
  readonly reason: StorageReason;
  /** There is no such file or directory. */
  readonly notFound: boolean;
  /** What to do about it, to follow the message; "" where there is nothing to say. */
  readonly advice: string;
}

/** Reads the error of an operation on `name`. */
export function describeFault(thrown: unknown, name: string): FaultDescription {
  if ((thrown as Error | undefined)?.name === NOT_CAPABLE) {
    const directory = path.dirname(name);
    const flags = `--allow-read=${directory} --allow-write=${directory}`;
    return { reason: "permission", notFound: false, advice: `; start Deno with ${flags}` };
  }
  const code = codeOf(thrown);
  const reason = REASONS[code ?? ""] ?? "io";
  return { reason, notFound: code === "ENOENT", advice: adviceFor(reason) };
}

/** The code of a system error, such as `ENOENT`. */
export function codeOf(thrown: unknown): string | undefined {
  return (thrown as { code?: string } | undefined)?.code;
}

function adviceFor(reason: StorageReason): string {
  switch (reason) {
    case "permission":
      return "; grant the process access to the file and its directory, or open it readonly";
    case "quota":
      return "; make room on the disk";
    default:
      return "";
  }
}
