// The name of the methods that `await using` calls.
//
// Programs are compiled against this package's declarations with whatever `lib` they have; the line below
// stays in the declarations and brings what those need.

/// <reference lib="esnext.disposable" preserve="true" />

/**
 * `Symbol.asyncDispose`, or where an engine has none yet (Safari, WebKitGTK) what compilers that take
 * `await using` down to older syntax look for instead. The type is the standard's: what has a method of
 * this name is an `AsyncDisposable`.
 */
export const asyncDispose: typeof Symbol.asyncDispose =
  Symbol.asyncDispose ?? /* @__PURE__ */ Symbol.for("Symbol.asyncDispose");
