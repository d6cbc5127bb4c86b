// The living and the dead by their process, in Node and Bun. A holder is dead when
//   - its process is gone, or only waits for its parent to take notice, or
//   - its process id was given to another process since (the start time differs), or
//   - it was a thread of this very process that has ended, or
//   - the system was started anew since.
//
// Of a holder on another host nothing can be known. Neither can of one in another container, which counts
// its processes by itself (a namespace of Linux), also where the two have been given one host name: its
// process 1 is not ours.
//
// That the system was started anew shows in its boot id. Another machine has another one as well: the two
// are told apart by their host names, and where the holder or this process is in a container, which may
// have been moved to another machine, the holder counts as alive.

import * as fs from "node:fs";
import { hostname } from "node:os";
import type { HolderDescription, Liveness, LockHolder, OpenLock, Task } from "./liveness.ts";

/** The namespace of what runs in no container, `PROC_PID_INIT_INO` in Linux's include/linux/proc_ns.h. */
const INITIAL_NAMESPACE = "pid:[4026531836]";

export const processLiveness: Liveness = { hostname, describe, create, knows, isAlive };

function describe(): HolderDescription {
  return {
    startTime: startTimeOf(process.pid),
    task: ownTask(),
    pidNamespace: pidNamespace(),
    bootId: bootId(),
  };
}

function create(path: string): OpenLock {
  const fd = fs.openSync(path, "wx", 0o644);
  return {
    fd,
    write: (text) => void fs.writeSync(fd, text),
    sync: () => fs.fsyncSync(fd),
    close: () => fs.closeSync(fd),
  };
}

function knows(holder: LockHolder): boolean {
  if (holder.hostname !== hostname() || holder.pidNamespace !== pidNamespace()) return false;
  return holder.bootId === bootId() || holder.pidNamespace === INITIAL_NAMESPACE;
}

function isAlive(holder: LockHolder, lock: string): boolean {
  if (holder.bootId !== bootId()) return false;
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

/**
 * Node closes a thread's descriptors when the thread ends, so an open one is a sign of life. Bun leaves
 * them open: there the system has to know of the thread, too.
 */
function isOwnThread(holder: LockHolder, lock: string): boolean {
  if (holder.startTime !== startTimeOf(process.pid) || holder.fd === undefined) return false;
  if (holder.task !== undefined && !isRunning(holder.task)) return false;
  try {
    const open = fs.fstatSync(holder.fd);
    const file = fs.statSync(lock);
    return open.ino === file.ino && open.dev === file.dev;
  } catch {
    return false;
  }
}

function pidNamespace(): string | undefined {
  try {
    return fs.readlinkSync("/proc/self/ns/pid");
  } catch {
    return undefined;
  }
}

function bootId(): string | undefined {
  try {
    return fs.readFileSync("/proc/sys/kernel/random/boot_id", "utf8").trim();
  } catch {
    return undefined;
  }
}

/** Linux alone tells a thread who it is. */
function ownTask(): Task | undefined {
  try {
    const id = fs.readlinkSync("/proc/thread-self");
    return { id, startTime: startTimeOf(id) };
  } catch {
    return undefined;
  }
}

function isRunning({ id, startTime }: Task): boolean {
  return startTimeOf(id) === startTime;
}

/** Field 22 of /proc/<pid>/stat. */
function startTimeOf(id: number | string): string | undefined {
  return statOf(id)?.[19];
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

/** The fields of /proc/<id>/stat from the third on: the second, the command, may hold anything. */
function statOf(id: number | string): string[] | undefined {
  try {
    const stat = fs.readFileSync(`/proc/${id}/stat`, "utf8");
    return stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  } catch {
    return undefined;
  }
}
