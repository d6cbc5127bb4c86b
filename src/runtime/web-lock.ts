// Web Locks, which one tab, worker or page of an origin holds at a time, and which end with it.
// Specification: https://w3c.github.io/web-locks/

/** The name of the lock that the owner of a database holds. */
export function databaseLock(path: string): string {
  return `sqlite-wasm-pool:${path}`;
}

/** Takes the lock at once or not at all. */
export function tryWebLock(name: string): Promise<{ release(): void } | undefined> {
  return new Promise((resolve, reject) => {
    const granted = (lock: Lock | null): Promise<void> | undefined => {
      if (lock === null) {
        resolve(undefined);
        return undefined;
      }
      return new Promise<void>((release) => resolve({ release }));
    };
    navigator.locks.request(name, { ifAvailable: true }, granted).catch(reject);
  });
}
