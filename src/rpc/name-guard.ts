// Who has a database, where there are no Web Locks (pages that are not in a secure context): whoever has it
// answers those who ask.
//
// No answer is no proof: a tab that is busy or frozen says nothing. Who is taken for gone by mistake does no
// harm all the same, because the token in the database's header refuses its writes from then on
// (`storage/indexeddb-files.ts`).

import { clock, sleep } from "../clock.ts";
import { StorageError } from "../errors.ts";
import { tabNames } from "./tab-protocol.ts";
import { tryWebLock } from "./web-lock.ts";

/** How long to wait for an answer. */
const ANSWER_MS = 300;
/** Between two questions to one who has the database. */
const ASK_EVERY_MS = 100;

interface Message {
  readonly type: "ask" | "taken";
  /** Of those who ask at the same time, the one with the least number gets the database. */
  readonly asker: number;
}

const held = new Set<string>();

/** Waits until nobody has the database. @throws StorageError (`locked`), the signal's reason */
export async function holdName(
  name: string,
  { timeoutMs, signal }: { readonly timeoutMs: number; readonly signal: AbortSignal | undefined },
): Promise<{ release(): void }> {
  const deadline = clock.now() + timeoutMs;
  for (;;) {
    signal?.throwIfAborted();
    const hold = await tryHoldName(name);
    if (hold !== undefined) return hold;
    if (clock.now() >= deadline) {
      throw new StorageError(
        "locked",
        `${name} is open in another pool, tab or worker; close it there`,
      );
    }
    await sleep(ASK_EVERY_MS);
  }
}

/** Keeps all others off a database, unless somebody has it. */
export function tryTakeDatabase(name: string): Promise<{ release(): void } | undefined> {
  return navigator.locks === undefined ? tryHoldName(name) : tryTakeLocks(name);
}

/** Whoever takes the owner's lock from one who answers nothing waits for the files all the same. */
async function tryTakeLocks(name: string): Promise<{ release(): void } | undefined> {
  const names = tabNames(name);
  const owner = await tryWebLock(names.owner);
  if (owner === undefined) return undefined;
  const files = await tryWebLock(names.files);
  if (files === undefined) {
    owner.release();
    return undefined;
  }
  return {
    release() {
      files.release();
      owner.release();
    },
  };
}

async function tryHoldName(name: string): Promise<{ release(): void } | undefined> {
  if (held.has(name)) return undefined;
  held.add(name);
  const asker = Math.random();
  let isTaken = false;
  let isHeld = false;
  const channel = new BroadcastChannel(`sqlite-wasm-pool-name:${name}`);
  channel.onmessage = ({ data }: MessageEvent<Message>) => {
    if (data.type === "ask" && (isHeld || data.asker > asker)) {
      channel.postMessage({ type: "taken", asker: data.asker } satisfies Message);
    } else if (data.type === "taken" && data.asker === asker) isTaken = true;
  };
  const release = () => {
    channel.close();
    held.delete(name);
  };
  channel.postMessage({ type: "ask", asker } satisfies Message);
  for (let waitedMs = 0; waitedMs < ANSWER_MS && !isTaken; waitedMs += ASK_EVERY_MS) {
    await sleep(ASK_EVERY_MS);
  }
  if (isTaken) {
    release();
    return undefined;
  }
  isHeld = true;
  return { release };
}
