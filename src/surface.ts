// The public names, but for functions of `open.ts`, of which each entry brings its own.

export {
  AcquireTimeoutError,
  BusyError,
  ConnectionReleasedError,
  type CrashDetails,
  type ErrorCode,
  type LeaseReport,
  PoolClosedError,
  PoolError,
  type PoolErrorCode,
  PoolExhaustedError,
  SqliteError,
  type SqliteErrorDetails,
  StorageError,
  type StorageReason,
  WorkerCrashedError,
  type WriteLockHolder,
} from "./errors.ts";
export type { Capabilities } from "./pool/backend.ts";
export type { Connection, Result } from "./pool/connection.ts";
export type { IterateOptions } from "./pool/cursor.ts";
export type { PoolEvents } from "./pool/events.ts";
export type { DatabaseFile, ListOptions, StorageEstimate } from "./pool/files.ts";
export {
  type CheckedPool,
  type CheckReport,
  type HealthAnswer,
  type HealthCheck,
  type HealthHandlerOptions,
  HealthMonitor,
  type HealthReport,
  type HealthStatus,
  healthHandler,
  type PoolHealthCheckOptions,
  poolHealthCheck,
} from "./pool/health.ts";
export type { ImportSource } from "./pool/import.ts";
export type {
  AcquireOptions,
  CloseOptions,
  PoolOptions,
  QueryOptions,
  RowsAsArrays,
} from "./pool/options.ts";
export type { ConnectionPool } from "./pool/pool.ts";
export { type BatchStatement, type BatchStatements, type Sql, SqlQuery, sql } from "./pool/sql.ts";
export type {
  ConnectionReport,
  Gauges,
  LogState,
  OwnerStats,
  PoolStats,
  Summary,
} from "./pool/stats.ts";
export type { TransactionMode, TransactionOptions } from "./pool/transaction.ts";
export type { BackupOptions, BackupProgress, CheckpointResult } from "./pool/whole.ts";
export type {
  BindParams,
  BindValue,
  Bytes,
  CheckpointMode,
  EngineKind,
  ExecuteResult,
  Fallback,
  IntegerMode,
  JournalMode,
  NamedParams,
  OwnerChange,
  PragmaValue,
  Row,
  SqlValue,
  StatementInfo,
  StorageKind,
  Synchronous,
} from "./types.ts";
