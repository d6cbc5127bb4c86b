// How much of the matrix of suites and places is run. On two cores all of it takes over half an hour, most of
// that for starting workers. So by default every suite runs in every runtime and browser once, where a pool is
// put by itself, and of the other places and configurations those that differ in more than one place at once;
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
