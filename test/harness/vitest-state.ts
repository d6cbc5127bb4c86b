// What the module `vitest` looks for when it is loaded outside of Vitest's own threads. Import this first.

Object.defineProperty(globalThis, "__vitest_worker__", {
  configurable: true,
  value: {
    config: { snapshotOptions: {}, fakeTimers: { toFake: undefined } },
    metaEnv: {},
    onCleanup: () => {},
  },
});
