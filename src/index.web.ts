// The entry that bundlers take for browsers: no code for other platforms comes with it.

export { openPool } from "./open.web.ts";
export * from "./surface.ts";
