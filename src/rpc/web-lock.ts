// Web Locks: what one thread of an origin holds at a time, and what ends with the thread that holds it,
// however it ends. Nothing else tells one thread of the end of another.
// Specification: https://w3c.github.io/web-locks/

/** A lock that is held until it is let go, taken away, or its thread ends. */
export interface WebLock {
  release(): void;
  /** Resolves when the lock is held no more: let go here, or stolen. */
  readonly ended: Promise<void>;
}

export interface WebLockOptions {
  /** Default `"exclusive"`. */
  readonly mode?: "exclusive" | "shared";
  /** Ends the wait for it. */
  readonly signal?: AbortSignal;
  /** Takes it from whoever holds it, who is told by `ended`. */
  readonly steal?: boolean;
}

/** Waits for the lock in its turn. @throws the signal's reason */
export async function takeWebLock(name: string, options: WebLockOptions = {}): Promise<WebLock> {
  const lock = await request(name, options);
  if (lock === undefined) throw new Error(`BUG: ${name} was refused although it was waited for`);
  return lock;
}

/** Takes the lock at once or not at all. */
export function tryWebLock(name: string): Promise<WebLock | undefined> {
  return request(name, { ifAvailable: true });
}

function request(name: string, options: LockOptions): Promise<WebLock | undefined> {
  return new Promise((resolve, reject) => {
    let end = () => {};
    const ended = new Promise<void>((settle) => {
      end = settle;
    });
    const granted = (lock: Lock | null): Promise<void> | undefined => {
      if (lock !== null) return new Promise<void>((release) => resolve({ release, ended }));
      resolve(undefined);
      return undefined;
    };
    // Also rejected when the lock is stolen; by then `reject` says nothing to anybody.
    navigator.locks.request(name, options, granted).then(end, (thrown) => {
      reject(thrown);
      end();
    });
  });
}

/** The same thread holds both locks at this moment. */
export async function heldTogether(one: string, other: string): Promise<boolean> {
  const { held = [] } = await navigator.locks.query();
  const holder = (name: string) => held.find((lock) => lock.name === name)?.clientId;
  return holder(one) !== undefined && holder(one) === holder(other);
}

/** Waits until nobody holds the lock. */
export async function whenFree(name: string, signal?: AbortSignal): Promise<void> {
  await navigator.locks.request(
    name,
    signal === undefined ? { mode: "shared" } : { mode: "shared", signal },
    () => {},
  );
}
