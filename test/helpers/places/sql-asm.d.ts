/** As much of sql.js as {@link file://./asm-judge.ts} uses; the package has no types of its own. */
declare module "sql.js/dist/sql-asm.js" {
  interface Database {
    exec(sql: string): { values: unknown[][] }[];
    export(): Uint8Array;
    close(): void;
  }
  export default function initSqlJs(): Promise<{ Database: new (bytes?: Uint8Array) => Database }>;
}
