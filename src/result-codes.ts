// Result codes that SQLite's callers know, from https://sqlite.org/rescode.html; what only the engine needs of
// them is in `engine/codes.ts`.

export const ERROR = 1;
export const ABORT = 4;
export const BUSY = 5;
export const READONLY = 8;
export const INTERRUPT = 9;
export const MISUSE = 21;
export const BUSY_RECOVERY = 261;
export const ABORT_ROLLBACK = 516;
