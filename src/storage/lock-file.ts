// One process, and in it one thread, owns a database file: the lock table lives in that thread's
// memory, and whoever else wrote the file would corrupt it.
//
// The lock is a file beside the database with a record of its holder. It is made whole under another
// name and then linked, so it never exists half-written. A crash leaves it behind; a holder counts
// as dead when
//   - its process is gone, or only waits for its parent to take notice, or
//   - its process id was given to another process since (the start time differs), or
//   - it was a thread of this very process whose descriptor of the lock file is no longer open.
// A lock on another host's name counts as alive: nothing can be known from here.
//
// Taking a dead lock over: two may see it dead at once, and the slower must not delete the lock
// that the faster has made meanwhile. So the right to delete the lock with a given token is a
// lock itself, `<lock>.<token>`, under the same rules; its holder looks again before it deletes.

import * as fs from "node:fs";
import { hostname } from "node:os";
import { StorageFault } from "./storage.ts";

/** Who holds a lock. */
export interface LockHolder {
  readonly version: 1;
  readonly pid: number;
  /** When the process started, as the system counts; undefined where it cannot be had. */
  readonly startTime?: string | undefined;
  readonly hostname: string;
  readonly token: string;
  /** The holder's open descriptor of the lock file. */
  readonly fd: number;
  /** ISO 8601. */
  readonly since: string;
}

/** A lock that was taken, or who has it. */
export type LockAttempt = { release(): void } | { readonly holder: LockHolder };

/** Most rounds of finding a dead lock and taking it over before giving up. */
const MOST_ROUNDS = 100;

const held = new Map<string, { lock: string; fd: number }>();
let listening = false;

/**
 * Takes the lock of the database at `path`, at once or not at all. `readonly`: a place where no lock
 * can be made is a place nobody can write, and needs none.
 * @throws StorageFault where the lock file cannot be made
 */
export function acquireLockFile(path: string, options?: { readonly?: boolean }): LockAttempt {
  try {
    return take(`${path}-lock`, 0);
  } catch (thrown) {
    if (thrown instanceof StorageFault) throw thrown;
    const code = (thrown as { code?: string }).code ?? "";
    const denied = ["EACCES", "EPERM", "EROFS"].includes(code);
    if (denied && options?.readonly) return { release() {} };
    const full = code === "ENOSPC" || code === "EDQUOT";
    const reason = denied ? "permission" : full ? "quota" : "io";
    throw new StorageFault(reason, `could not lock ${path}: ${(thrown as Error).message}`, {
      cause: thrown,
      notFound: code === "ENOENT",
    });
  }
}

/** The holder in words. */
export function describeHolder({ pid, hostname: host, since }: LockHolder): string {
  const who = pid === process.pid ? "another thread of this process" : `process ${pid} on ${host}`;
  return `${who} since ${since}`;
}

function take(lock: string, depth: number): LockAttempt {
  for (let round = 0; round < MOST_ROUNDS; round++) {
    const token = crypto.randomUUID();
    const fd = create(lock, token);
    if (fd !== undefined) {
      held.set(token, { lock, fd });
      releaseAtExit();
      return { release: () => release(token) };
    }
    const holder = readHolder(lock);
    if (holder === "absent") continue;
    if (holder !== "unreadable" && isAlive(holder, lock)) return { holder };
    const other = takeOver(lock, holder, depth);
    if (other !== undefined) return { holder: other };
  }
  throw new StorageFault("locked", `${lock} changes hands again and again`);
}

/** Makes the lock file with its record inside, and returns its descriptor, unless there is one. */
function create(lock: string, token: string): number | undefined {
  const draft = `${lock}-${token}`;
  const fd = fs.openSync(draft, "wx", 0o644);
  try {
    const record: LockHolder = {
      version: 1,
      pid: process.pid,
      startTime: startTimeOf(process.pid),
      hostname: hostname(),
      token,
      fd,
      since: new Date().toISOString(),
    };
    fs.writeSync(fd, JSON.stringify(record));
    fs.linkSync(draft, lock);
    return fd;
  } catch (thrown) {
    fs.closeSync(fd);
    if ((thrown as { code?: string }).code === "EEXIST") return undefined;
    throw thrown;
  } finally {
    fs.unlinkSync(draft);
  }
}

function readHolder(lock: string): LockHolder | "absent" | "unreadable" {
  let text: string;
  try {
    text = fs.readFileSync(lock, "utf8");
  } catch (thrown) {
    if ((thrown as { code?: string }).code === "ENOENT") return "absent";
    throw thrown;
  }
  try {
    const record = JSON.parse(text) as LockHolder;
    const sound = Number.isInteger(record.pid) && typeof record.token === "string";
    return sound && /^[\w-]+$/.test(record.token) ? record : "unreadable";
  } catch {
    return "unreadable";
  }
}

function isAlive(holder: LockHolder, lock: string): boolean {
  if (holder.hostname !== hostname()) return true;
  if (holder.pid === process.pid) return isOwnThread(holder, lock);
  try {
    process.kill(holder.pid, 0);
  } catch (thrown) {
    // Another user's process answers EPERM, and lives.
    if ((thrown as { code?: string }).code === "ESRCH") return false;
  }
  if (isZombie(holder.pid)) return false;
  const started = startTimeOf(holder.pid);
  return holder.startTime === undefined || started === undefined || started === holder.startTime;
}

/** Node closes a thread's descriptors when the thread ends, so an open one is a sign of life. */
function isOwnThread(holder: LockHolder, lock: string): boolean {
  if (held.has(holder.token)) return true;
  if (holder.startTime !== startTimeOf(process.pid)) return false;
  try {
    const open = fs.fstatSync(holder.fd);
    const file = fs.statSync(lock);
    return open.ino === file.ino && open.dev === file.dev;
  } catch {
    return false;
  }
}

/** Field 22 of /proc/<pid>/stat. */
function startTimeOf(pid: number): string | undefined {
  return statOf(pid)?.[19];
}

/** It has ended, all its threads have, and only its parent has not asked how: some never do. */
function isZombie(pid: number): boolean {
  if (statOf(pid)?.[0] !== "Z") return false;
  try {
    return fs.readdirSync(`/proc/${pid}/task`).length <= 1;
  } catch {
    return true;
  }
}

/** The fields of /proc/<pid>/stat from the third on: the second, the command, may hold anything. */
function statOf(pid: number): string[] | undefined {
  try {
    const stat = fs.readFileSync(`/proc/${pid}/stat`, "utf8");
    return stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  } catch {
    return undefined;
  }
}

/** Deletes a dead lock, unless somebody else is doing so: then that one is returned. */
function takeOver(
  lock: string,
  dead: LockHolder | "unreadable",
  depth: number,
): LockHolder | undefined {
  const token = dead === "unreadable" ? "unreadable" : dead.token;
  if (depth > 3) throw new StorageFault("locked", `${lock} could not be taken over`);
  const right = take(`${lock}.${token}`, depth + 1);
  if ("holder" in right) return right.holder;
  try {
    const now = readHolder(lock);
    const same = now === "unreadable" || now === "absent" ? now === dead : now.token === token;
    if (same) fs.unlinkSync(lock);
    return undefined;
  } finally {
    right.release();
  }
}

function release(token: string): void {
  const own = held.get(token);
  if (own === undefined) return;
  held.delete(token);
  try {
    const holder = readHolder(own.lock);
    if (typeof holder === "object" && holder.token === token) fs.unlinkSync(own.lock);
  } catch {
    // The directory is gone, or not ours any more: the lock is then no one's.
  } finally {
    fs.closeSync(own.fd);
  }
}

function releaseAtExit(): void {
  if (listening) return;
  listening = true;
  process.once("exit", () => {
    for (const token of [...held.keys()]) release(token);
  });
}
