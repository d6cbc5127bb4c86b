// The package publishes types for its interface, and none for its example VFSes.
declare module "@journeyapps/wa-sqlite/src/examples/*" {
  export const OPFSCoopSyncVFS: unknown;
  export const OPFSWriteAheadVFS: unknown;
}
