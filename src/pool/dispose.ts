// The name of the methods that `await using` calls.

/**
 * `Symbol.asyncDispose`, or where an engine has none yet (Safari, WebKitGTK) what compilers that take
 * `await using` down to older syntax look for instead. The type is the standard's: what has a method of
 * this name is an `AsyncDisposable`.
 */
export const asyncDispose: typeof Symbol.asyncDispose =
  Symbol.asyncDispose ?? /* @__PURE__ */ Symbol.for("Symbol.asyncDispose");
