// One process, and in it one thread, owns a database file: the lock table lives in that thread's
// memory, and whoever else wrote the file would corrupt it.
//
// The lock is a file beside the database with a record of its holder. It is made whole under another
// name and then linked, so it never exists half-written, not even after a power cut. A crash leaves it
// behind; `liveness.ts` tells whether the holder lives. One of whom that cannot be found out counts as
// alive. Whatever else has the name of a lock, such as somebody's own database, is never deleted.
//
// Where the file system has no links (FAT, some network shares), the lock is made under its own name. For a
// moment its record is unfinished then, and it counts as held; a crash in that moment leaves it so.
//
// Taking a dead lock over: two may see it dead at once, and the slower must not delete the lock
// that the faster has made meanwhile. So the right to delete the lock with a given token is a
// lock itself, `<lock>.<token>`, under the same rules; its holder looks again before it deletes.

import * as fs from "node:fs";
import { denoLiveness } from "./deno-liveness.ts";
import type { Liveness, LockHolder, OpenLock } from "./liveness.ts";
import { codeOf, describeFault } from "./node-faults.ts";
import { processLiveness } from "./process-liveness.ts";
import { StorageFault } from "./storage.ts";

/** A lock that was taken, or who has it: undefined while that one still writes its record. */
export type LockAttempt = { release(): void } | { readonly holder: LockHolder | undefined };

const SUFFIX = "-lock";
const DRAFT = /-lock(?:[-.][0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})+$/;
const VERSION = 1;
/** What every record begins with. */
const START = JSON.stringify({ version: VERSION }).slice(0, -1);
/** A record is far shorter; what is not one may be of any size. */
const MOST_BYTES = 4096;
/** Most rounds of finding a dead lock and taking it over before giving up. */
const MOST_ROUNDS = 100;

const held = new Map<string, { lock: string; file: OpenLock }>();
let listening = false;
let chosen: Liveness | undefined;

function liveness(): Liveness {
  chosen ??= denoLiveness() ?? processLiveness;
  return chosen;
}

/**
 * Takes the lock of the database at `path`, at once or not at all. `readonly`: where none can be made,
 * it is enough that nobody else has it.
 * @throws StorageFault where the lock file cannot be made
 */
export function acquireLockFile(path: string, options?: { readonly?: boolean }): LockAttempt {
  try {
    return take(path + SUFFIX, 0);
  } catch (thrown) {
    if (thrown instanceof StorageFault) throw thrown;
    const { reason, notFound, advice } = describeFault(thrown, path);
    if (reason === "permission" && options?.readonly) return lookAt(path + SUFFIX);
    const message = `could not lock ${path}: ${(thrown as Error).message}${advice}`;
    throw new StorageFault(reason, message, { cause: thrown, notFound });
  }
}

/** The file is one that {@link acquireLockFile} has made, whether its holder lives or not. */
export function isLockFile(path: string): boolean {
  if (!path.endsWith(SUFFIX)) return false;
  const holder = readHolder(path);
  return holder !== "absent" && holder !== "foreign";
}

/**
 * The file is a draft of a lock of the database at `path`, or a right to take one over, whose maker was killed in
 * the middle of that.
 */
export function isDeadDraft(file: string, path: string): boolean {
  if (!file.startsWith(path + SUFFIX) || !DRAFT.test(file)) return false;
  const holder = readHolder(file);
  return typeof holder === "object" && !isAlive(holder, file);
}

/** The holder of the database at `path` in words. */
export function describeHolder(holder: LockHolder | undefined, path: string): string {
  if (holder === undefined) {
    return `whoever is writing ${path}${SUFFIX} (if nobody is, delete that file)`;
  }
  const { pid, hostname, since } = holder;
  const known = liveness().knows(holder);
  if (known && pid === process.pid) return `another thread of this process since ${since}`;
  const who = `process ${pid}${hostname === undefined ? "" : ` on ${hostname}`} since ${since}`;
  if (known) return who;
  const advice = `once you are sure that it does not, delete ${path}${SUFFIX}`;
  return `${who} (whether that still runs cannot be found out from here: ${advice})`;
}

function take(lock: string, depth: number): LockAttempt {
  for (let round = 0; round < MOST_ROUNDS; round++) {
    const token = crypto.randomUUID();
    const file = create(lock, token);
    if (file !== undefined) {
      held.set(token, { lock, file });
      releaseAtExit();
      return { release: () => release(token) };
    }
    const holder = readHolder(lock);
    if (holder === "absent") continue;
    if (holder === "unfinished") return { holder: undefined };
    if (holder === "foreign") {
      const advice = "move one of the two, or delete that file if nobody needs it";
      throw new StorageFault("locked", `${lock} has the name of a lock, and is none: ${advice}`);
    }
    if (isAlive(holder, lock)) return { holder };
    const other = takeOver(lock, holder, depth);
    if (other !== undefined) return other;
  }
  throw new StorageFault("locked", `${lock} changes hands again and again`);
}

function lookAt(lock: string): LockAttempt {
  const holder = readHolder(lock);
  if (holder === "unfinished") return { holder: undefined };
  return typeof holder === "object" && isAlive(holder, lock) ? { holder } : { release() {} };
}

/** Makes the lock file with its record inside, and leaves it open, unless there is one. */
function create(lock: string, token: string): OpenLock | undefined {
  const draft = `${lock}-${token}`;
  const file = write(draft, token);
  let isTaken = false;
  try {
    fs.linkSync(draft, lock);
    return file;
  } catch (thrown) {
    // Systems name a missing ability in many ways. What else is wrong shows in the next attempt.
    isTaken = codeOf(thrown) === "EEXIST";
  } finally {
    fs.unlinkSync(draft);
  }
  // Not before: a draft that nobody has open is one that a killed process has left, and swept.
  file.close();
  if (isTaken) return undefined;
  try {
    return write(lock, token);
  } catch (thrown) {
    if (codeOf(thrown) === "EEXIST") return undefined;
    throw thrown;
  }
}

/** Makes the file `path` with a record of this thread inside. */
function write(path: string, token: string): OpenLock {
  // Found out before there is a file: a process that is killed here leaves none.
  const known = {
    version: VERSION,
    pid: process.pid,
    hostname: liveness().hostname(),
    ...liveness().describe(),
    token,
  } as const;
  const file = liveness().create(path);
  try {
    const record: LockHolder = { ...known, fd: file.fd, since: new Date().toISOString() };
    file.write(JSON.stringify(record));
    file.sync();
    return file;
  } catch (thrown) {
    file.close();
    fs.unlinkSync(path);
    throw thrown;
  }
}

function readHolder(lock: string): LockHolder | "absent" | "unfinished" | "foreign" {
  let text: string;
  try {
    text = readStart(lock);
  } catch (thrown) {
    if (codeOf(thrown) === "ENOENT") return "absent";
    throw thrown;
  }
  try {
    const record = JSON.parse(text) as LockHolder;
    const sound = Number.isInteger(record.pid) && typeof record.token === "string";
    return sound && /^[\w-]+$/.test(record.token) ? record : "foreign";
  } catch {
    return START.startsWith(text.slice(0, START.length)) ? "unfinished" : "foreign";
  }
}

function readStart(file: string): string {
  const fd = fs.openSync(file, "r");
  try {
    const bytes = new Uint8Array(MOST_BYTES);
    return new TextDecoder().decode(bytes.subarray(0, fs.readSync(fd, bytes, 0, MOST_BYTES, 0)));
  } finally {
    fs.closeSync(fd);
  }
}

function isAlive(holder: LockHolder, lock: string): boolean {
  if (held.has(holder.token) || !liveness().knows(holder)) return true;
  return liveness().isAlive(holder, lock);
}

/** Deletes a dead lock, unless somebody else is doing so: then that one is returned. */
function takeOver(lock: string, { token }: LockHolder, depth: number): LockAttempt | undefined {
  if (depth > 3) throw new StorageFault("locked", `${lock} could not be taken over`);
  const right = take(`${lock}.${token}`, depth + 1);
  if ("holder" in right) return right;
  try {
    const now = readHolder(lock);
    if (typeof now === "object" && now.token === token) fs.unlinkSync(lock);
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
    own.file.close();
  }
}

function releaseAtExit(): void {
  if (listening) return;
  listening = true;
  process.once("exit", () => {
    for (const token of [...held.keys()]) release(token);
  });
}
