// What the tests ask of a browser.

import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { accessSync, constants, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";

export interface Browser extends AsyncDisposable {
  readonly name: string;
  /** Opens `url` in a new tab and waits until it has loaded. */
  open(url: string): Promise<Tab>;
  /** Kills the browser as a crash or the system would: no handler runs, nothing is written. */
  crash(): Promise<void>;
}

/** What a person does, with events that the page cannot tell from theirs. */
export interface Input {
  click(x: number, y: number): Promise<void>;
  type(text: string): Promise<void>;
  /** One key, or several as in `"Control+Enter"`. */
  press(keys: string): Promise<void>;
  /** Chooses a file in the file input that `selector` finds. */
  chooseFile(selector: string, path: string): Promise<void>;
}

export interface Tab {
  /** Undefined for a browser that cannot be driven so. */
  readonly input?: Input;
  /** Calls `script` in the page's main thread; it sees only globals and its argument, both ways JSON. */
  run<A, R>(script: (argument: A) => R | Promise<R>, argument: A): Promise<R>;
  reload(): Promise<void>;
  close(): Promise<void>;
  /** Kills the tab's process, where the browser has a way to. */
  crash?(): Promise<void>;
  /** Limits what the page's origin may store, or lifts that limit. */
  limitStorage?(bytes: number | undefined): Promise<void>;
  /** Makes a tab in the background stand still, or go on, as the browser does with them. */
  freeze?(isFrozen: boolean): Promise<void>;
  /** Goes to another page; the browser may keep this one as it is for the way back. */
  leave?(url: string): Promise<void>;
  /** Comes back to the page before. */
  back?(): Promise<void>;
  /** The tab's last words on its console, to tell why it went silent. */
  readonly console: readonly string[];
}

export interface LaunchOptions {
  /** Keeps its data in this directory; a fresh one, deleted at the end, by default. */
  readonly profile?: string;
}

export type Launch = (options?: LaunchOptions) => Promise<Browser>;

/** Finds `name` on the PATH. @throws saying how to install it. */
export function executable(name: string, debianPackages: string): string {
  for (const directory of (process.env.PATH ?? "").split(delimiter)) {
    const path = join(directory, name);
    try {
      accessSync(path, constants.X_OK);
      return path;
    } catch {}
  }
  throw new Error(
    `${name} is not installed; on Debian: apt-get update && apt-get install -y ${debianPackages}`,
  );
}

/** A directory for a browser's profile, and the function that deletes it unless it was given. */
export function profileDirectory(given?: string): { path: string; remove: () => void } {
  if (given !== undefined) return { path: given, remove: () => {} };
  const path = mkdtempSync(join(tmpdir(), "sqlite-wasm-pool-profile-"));
  return { path, remove: () => rmSync(path, { recursive: true, force: true, maxRetries: 5 }) };
}

/** Starts a program in a process group of its own, so that its children end with it. */
export function start(
  command: string,
  args: readonly string[],
  env: NodeJS.ProcessEnv = {},
): ChildProcess {
  return spawn(command, args, {
    detached: true,
    env: { ...process.env, ...env },
    stdio: ["ignore", "pipe", "pipe", "pipe"],
  });
}

/** Kills `child` and what it started. */
export async function killGroup(child: ChildProcess): Promise<void> {
  if (child.pid === undefined || child.exitCode !== null || child.signalCode !== null) return;
  const exited = once(child, "exit");
  process.kill(-child.pid, "SIGKILL");
  await exited;
}

/** Resolves with the first match of `pattern` in the stream. @throws with what came when it ends. */
export async function firstMatch(
  stream: NodeJS.ReadableStream | null | undefined,
  pattern: RegExp,
): Promise<RegExpExecArray> {
  if (!stream) throw new Error("BUG: no such stream");
  let seen = "";
  return new Promise((resolve, reject) => {
    stream.on("data", (chunk) => {
      seen += chunk;
      const match = pattern.exec(seen);
      if (match) resolve(match);
    });
    stream.on("end", () => reject(new Error(`expected ${pattern}, got: ${seen}`)));
  });
}
