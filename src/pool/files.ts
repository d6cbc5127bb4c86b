// What can be asked about databases and their storage without opening any.

/** A database that is not necessarily open. */
export interface DatabaseFile {
  /** The path or name to open it by. */
  readonly path: string;
  /** Its bytes, log and journal included. */
  readonly sizeBytes: number;
}

/** Options of `listDatabases`. */
export interface ListOptions {
  /** Where to look. Default the working directory; in browsers the top of the origin's names, wherever each is kept. */
  readonly directory?: string | undefined;
  /** Look into the directories below as well. Default false. */
  readonly recursive?: boolean | undefined;
}

/** How much there is room for. */
export interface StorageEstimate {
  /** Bytes that are in use; what counts is up to the platform. */
  readonly usageBytes: number;
  /** Bytes that could be in use before writing fails with `StorageError` (`quota`). */
  readonly quotaBytes: number;
  /** The data is not thrown away when the device runs out of room. */
  readonly persisted: boolean;
}

/** A platform's answers. */
export interface Files {
  listDatabases(options: ListOptions): Promise<DatabaseFile[]>;
  deleteDatabase(path: string): Promise<void>;
  estimateStorage(): Promise<StorageEstimate>;
  persistStorage(): Promise<boolean>;
}
