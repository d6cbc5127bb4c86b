// What the storages of browsers throw, in our words.

import type { StorageReason } from "../errors.ts";
import { StorageFault } from "./storage.ts";

const REASONS: Readonly<Record<string, StorageReason>> = {
  QuotaExceededError: "quota",
  NoModificationAllowedError: "locked",
  NotAllowedError: "permission",
  SecurityError: "permission",
};

const ADVICE: Readonly<Record<StorageReason, string>> = {
  quota: "; the origin has used up its quota: delete something, or ask for persistent storage",
  locked: "; somebody else has the file open",
  permission: "; the browser keeps storage from this page (a private window, or blocked site data)",
  corrupt: "",
  unsupported: "",
  io: "",
};

/** What a call of the browser threw, in our words. */
export function faultOf(what: string, path: string, thrown: unknown): StorageFault {
  if (thrown instanceof StorageFault) return thrown;
  const { name = "", message = String(thrown) } = (thrown ?? {}) as Partial<Error>;
  const reason = REASONS[name] ?? "io";
  const isDirectory = name === "TypeMismatchError" ? "it is a directory: " : "";
  return new StorageFault(
    reason,
    `could not ${what} ${path}: ${isDirectory}${message}${ADVICE[reason]}`,
    { cause: thrown, notFound: name === "NotFoundError" },
  );
}
