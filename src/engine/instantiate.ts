// How a build of SQLite is started from a module that is compiled already.

/** What the loaders of both builds, which Emscripten makes, take. */
export interface LoaderOptions {
  instantiateWasm?(
    imports: WebAssembly.Imports,
    ready: (instance: WebAssembly.Instance, module: WebAssembly.Module) => void,
  ): object;
}

/** Calls the loader `start` for an instance of `module`; without one, the loader finds its own way. */
export async function instantiate<Instance>(
  start: (options: LoaderOptions) => Promise<Instance>,
  module: WebAssembly.Module | undefined,
): Promise<Instance> {
  if (module === undefined) return start({});
  // The loader has no way to hear of a failure, so the failure races with it.
  return new Promise((resolve, reject) => {
    const options: LoaderOptions = {
      instantiateWasm(imports, ready) {
        WebAssembly.instantiate(module, imports).then(
          (instance) => ready(instance, module),
          reject,
        );
        return {};
      },
    };
    start(options).then(resolve, reject);
  });
}
