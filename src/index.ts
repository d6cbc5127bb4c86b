// The entry for Node, Deno and Bun; it works in browsers too, where nothing bundles it.

export {
  deleteDatabase,
  estimateStorage,
  listDatabases,
  openPool,
  persistStorage,
} from "./open.ts";
export * from "./surface.ts";
