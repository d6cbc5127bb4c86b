// Where this code runs. Nothing here is looked at before it is asked for.

/**
 * Node's modules can be imported: Node, Deno or Bun. A `window` says nothing about that, because test
 * environments such as jsdom make one.
 */
export function hasNodeModules(): boolean {
  const { process } = globalThis as {
    readonly process?: { readonly versions?: { readonly node?: unknown } };
  };
  return typeof process?.versions?.node === "string";
}

/**
 * A browser runs this, or an app that is one and has Node's modules as well. Servers that render pages have
 * a `navigator` in some versions, and a `document` where they make one themselves.
 */
export function isBrowser(): boolean {
  if (!("document" in globalThis || "WorkerGlobalScope" in globalThis)) return false;
  const { process } = globalThis as { readonly process?: { readonly versions?: object } };
  const versions = process?.versions ?? {};
  return !("node" in versions) || "electron" in versions || "nw" in versions;
}

/** Whether this is Deno. */
export function isDeno(): boolean {
  return "Deno" in globalThis;
}
