// The entry that bundlers take for browsers: no code for other platforms comes with it.

export {
  deleteDatabase,
  estimateStorage,
  listDatabases,
  openPool,
  persistStorage,
} from "./open.web.ts";
export * from "./surface.ts";
