// The five lock states of a database file (https://sqlite.org/lockingv3.html) among the connections
// of one instance, and through the lock table among instances.
//
// An instance shows up in the table once, however many of its connections hold the lock; which of
// them it is, is settled here. The thread runs one call at a time, so plain fields suffice.

import { FILE_PENDING, FILE_RESERVED } from "./layout.ts";
import type { LockTable } from "./lock-table.ts";

export const LOCK_NONE = 0;
export const LOCK_SHARED = 1;
export const LOCK_RESERVED = 2;
export const LOCK_PENDING = 3;
export const LOCK_EXCLUSIVE = 4;

/** One connection's hold on the file. */
export interface FileLockHolder {
  level: number;
}

/** The lock of one database file in one instance. */
export class FileLock {
  readonly #table: LockTable;
  #sharers = 0;
  #reserved: FileLockHolder | undefined;
  #pending: FileLockHolder | undefined;

  constructor(table: LockTable) {
    this.#table = table;
  }

  /**
   * Raises `holder` to `level`, or returns false and leaves what it had; except that a refused
   * EXCLUSIVE keeps PENDING, so that no new reader comes in while the old ones leave.
   */
  lock(holder: FileLockHolder, level: number): boolean {
    if (holder.level >= level) return true;
    if (level === LOCK_SHARED) return this.#share(holder);
    if (level === LOCK_RESERVED) return this.#reserve(holder);
    return this.#exclude(holder);
  }

  /** Lowers `holder` to SHARED or NONE. */
  unlock(holder: FileLockHolder, level: number): void {
    if (holder.level <= level) return;
    if (this.#pending === holder) {
      this.#pending = undefined;
      this.#table.unlockFileWord(FILE_PENDING);
    }
    if (this.#reserved === holder) {
      this.#reserved = undefined;
      this.#table.unlockFileWord(FILE_RESERVED);
    }
    if (level === LOCK_NONE && --this.#sharers === 0) this.#table.unlockFileShared();
    holder.level = level;
  }

  /** Some connection of any instance holds RESERVED. */
  isReserved(): boolean {
    return this.#table.isFileReserved();
  }

  #share(holder: FileLockHolder): boolean {
    if (this.#pending !== undefined) return false;
    // The bit is the instance's: a reader that is refused must not take it from those that have it.
    const joins = this.#sharers > 0 ? !this.#table.isFilePending() : this.#table.tryFileShared();
    if (!joins) return false;
    this.#sharers++;
    holder.level = LOCK_SHARED;
    return true;
  }

  #reserve(holder: FileLockHolder): boolean {
    if (this.#reserved !== undefined || !this.#table.tryFileWord(FILE_RESERVED)) return false;
    this.#reserved = holder;
    holder.level = LOCK_RESERVED;
    return true;
  }

  #exclude(holder: FileLockHolder): boolean {
    if (this.#pending !== undefined && this.#pending !== holder) return false;
    if (!this.#table.tryFileWord(FILE_PENDING)) return false;
    this.#pending = holder;
    holder.level = LOCK_PENDING;
    if (this.#sharers > 1 || !this.#table.isOnlyFileReader()) return false;
    holder.level = LOCK_EXCLUSIVE;
    return true;
  }
}
