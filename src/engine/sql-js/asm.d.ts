// Made by scripts/sql-js.js: sql.js compiled to JavaScript.

import type { NewSqlJs } from "../sql-js-module.ts";

declare const newSqlJs: NewSqlJs;
export default newSqlJs;
