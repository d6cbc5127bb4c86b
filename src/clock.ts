// The clock, found once. In browsers the way to it leads through a getter of the global object, which takes
// longer than reading it does.

/** The global `performance`. */
export const clock = globalThis.performance;
