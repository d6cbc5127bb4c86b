// What the tests of several tabs run in each tab and in its workers: the library under names that the
// tests' scripts can see, and a way to run such a script in a worker.

import { openPool } from "sqlite-wasm-pool";
import type { TabWorker } from "./tabs-globals.d.ts";

interface Call {
  readonly script: string;
  readonly argument: unknown;
}

Object.assign(globalThis, { openPool, newWorker });

if (typeof document === "undefined") {
  addEventListener("message", async ({ data }: MessageEvent<Call>) => {
    try {
      const script = new Function(`return (${data.script})(...arguments)`);
      postMessage({ result: await script(data.argument) });
    } catch (error) {
      postMessage({ error: String(error) });
    }
  });
}

function newWorker(): TabWorker {
  const worker = new Worker(import.meta.url, { type: "module" });
  return {
    run: (script, argument) =>
      new Promise((resolve, reject) => {
        worker.onmessage = ({ data }) =>
          "error" in data ? reject(new Error(data.error)) : resolve(data.result);
        worker.postMessage({ script: String(script), argument } satisfies Call);
      }),
    terminate: () => worker.terminate(),
  };
}
