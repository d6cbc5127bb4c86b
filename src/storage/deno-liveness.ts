// The living and the dead by the kernel's locks on files, in Deno. Such a lock goes with the thread that
// has it, however that ends, and takes no further permission, while to ask for another process does.
//
// A lock of Node or Bun is judged as they judge it, by its process, where Deno has been granted every permission
// that this takes. None is asked for: the prompt would stop the program.

import { hostname } from "node:os";
import type { HolderDescription, Liveness, LockHolder, OpenLock } from "./liveness.ts";
import { processLiveness } from "./process-liveness.ts";

interface DenoFile {
  writeSync(bytes: Uint8Array): number;
  syncSync(): void;
  tryLockSync(exclusive: boolean): boolean;
  close(): void;
}

interface DenoNamespace {
  openSync(
    path: string,
    options: { read: boolean; write: boolean; createNew?: boolean; mode?: number },
  ): DenoFile;
  readonly permissions: {
    querySync(permission: { name: string; kind?: string; path?: string }): { state: string };
  };
}

/** Undefined where the runtime is not Deno. */
export function denoLiveness(): Liveness | undefined {
  const { Deno } = globalThis as { readonly Deno?: DenoNamespace };
  return Deno === undefined ? undefined : new DenoLiveness(Deno);
}

class DenoLiveness implements Liveness {
  readonly #deno: DenoNamespace;

  constructor(deno: DenoNamespace) {
    this.#deno = deno;
  }

  hostname(): string | undefined {
    return this.#may({ name: "sys", kind: "hostname" }) ? hostname() : undefined;
  }

  describe(): HolderDescription {
    return this.#may({ name: "read", path: "/proc" }) ? processLiveness.describe() : {};
  }

  create(path: string): OpenLock {
    const file = this.#deno.openSync(path, {
      read: true,
      write: true,
      createNew: true,
      mode: 0o644,
    });
    if (!file.tryLockSync(true)) throw new Error(`BUG: the new file ${path} is locked already`);
    return {
      write: (text) => void file.writeSync(new TextEncoder().encode(text)),
      sync: () => file.syncSync(),
      close: () => file.close(),
    };
  }

  knows(holder: LockHolder): boolean {
    if (isLockedByKernel(holder)) return true;
    const mayAsk =
      this.#may({ name: "sys", kind: "hostname" }) &&
      this.#may({ name: "run" }) &&
      this.#may({ name: "read", path: "/proc" });
    return mayAsk && processLiveness.knows(holder);
  }

  isAlive(holder: LockHolder, lock: string): boolean {
    return isLockedByKernel(holder) ? this.#isLocked(lock) : processLiveness.isAlive(holder, lock);
  }

  #isLocked(lock: string): boolean {
    let file: DenoFile;
    try {
      file = this.#deno.openSync(lock, { read: true, write: false });
    } catch (thrown) {
      // It has been released meanwhile.
      if ((thrown as { code?: string }).code === "ENOENT") return false;
      throw thrown;
    }
    try {
      // Shared: of two that look at the same time, neither takes the other for the holder.
      return !file.tryLockSync(false);
    } finally {
      file.close();
    }
  }

  #may(permission: { name: string; kind?: string; path?: string }): boolean {
    return this.#deno.permissions.querySync(permission).state === "granted";
  }
}

function isLockedByKernel({ fd }: LockHolder): boolean {
  return fd === undefined;
}
