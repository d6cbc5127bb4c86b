// The entry for Node, Deno and Bun; it works in browsers too, where nothing bundles it.

export { openPool } from "./open.ts";
export * from "./surface.ts";
