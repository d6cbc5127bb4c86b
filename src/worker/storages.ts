// How a thread gets the storage that its configuration asks for. Each platform's entry passes its own
// way in, so that a bundle for one platform has nothing of another.

import type { Guard } from "../engine/open-files.ts";
import { asError, StorageError } from "../errors.ts";
import type { FoundStorage } from "../rpc/endpoint.ts";
import type { ThreadConfig } from "../rpc/protocol.ts";
import { asStorageError, type Storage } from "../storage/storage.ts";

/** A storage, and what keeps others off its files. */
export interface OpenedStorage {
  readonly storage: Storage;
  readonly guard: Guard;
  readonly found: FoundStorage;
}

/** @throws StorageError, StorageFault */
export type OpenStorage = (config: ThreadConfig) => Promise<OpenedStorage>;

/** For a storage that the platform does not have. */
export function noSuchStorage(kind: string): StorageError {
  return new StorageError("unsupported", `storage "${kind}" is not available here`);
}

/** Whatever was thrown, as an error that callers know. */
export function asKnownError(thrown: unknown): Error {
  return asError(asStorageError(thrown));
}
