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

/** Whether this is Deno. */
export function isDeno(): boolean {
  return "Deno" in globalThis;
}
