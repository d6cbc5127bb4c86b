// How much of the matrix of suites and places is run. Most of the time that all of it takes is that of starting
// workers. So by default all suites run on workers in Node and Chromium; in other runtimes and
// browsers they all run in the calling thread, where a pool is cheap, and on workers those that depend on the
// place. Of other places and configurations those are run that differ in more than one way at once.
// `npm run test:matrix` runs all.

const isWhole = process.env.TEST_MATRIX === "whole";

/** What is left out unless the whole matrix is run. */
export function inWholeMatrix<const T>(more: readonly T[]): readonly T[] {
  return isWhole ? more : [];
}

/** `usual`, or `whole` where the whole matrix is run. */
export function byMatrix<T>(usual: T, whole: T): T {
  return isWhole ? whole : usual;
}
