// How the holder of a lock file shows that it lives, and how others find out.

/** Who holds a lock. */
export interface LockHolder {
  readonly version: 1;
  readonly pid: number;
  /** When the process started, as the system counts; undefined where it cannot be had. */
  readonly startTime?: string | undefined;
  /** Undefined where it may not be known: Deno without `--allow-sys=hostname`. */
  readonly hostname?: string | undefined;
  /** In which `pid` counts, as Linux names it; undefined elsewhere. Containers have one each. */
  readonly pidNamespace?: string | undefined;
  /** Of the system when the holder started, on Linux; undefined elsewhere. Each start has another one. */
  readonly bootId?: string | undefined;
  readonly token: string;
  /** The holder's open descriptor of the lock file; undefined where the kernel has locked the file. */
  readonly fd?: number | undefined;
  /** The holder's thread, as the system counts; undefined where it cannot be had. */
  readonly task?: Task | undefined;
  /** ISO 8601. */
  readonly since: string;
}

/** A thread, as the system counts. */
export interface Task {
  readonly id: string;
  readonly startTime: string | undefined;
}

/** What only the holder's own thread can say of it. */
export type HolderDescription = Pick<LockHolder, "startTime" | "task" | "pidNamespace" | "bootId">;

/** A lock file, open for as long as the lock is held. */
export interface OpenLock {
  readonly fd?: number;
  write(text: string): void;
  /** Returns when what was written survives a power cut. */
  sync(): void;
  close(): void;
}

/** What a runtime has to tell the living from the dead. */
export interface Liveness {
  hostname(): string | undefined;
  /** What others need to know of this thread. */
  describe(): HolderDescription;
  /** Makes a new file. */
  create(path: string): OpenLock;
  /** It can be found out here whether `holder` lives. */
  knows(holder: LockHolder): boolean;
  /** `holder`, whose record is in the file `lock`, lives. @pre it is one that `knows` */
  isAlive(holder: LockHolder, lock: string): boolean;
}
