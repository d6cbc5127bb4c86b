// What the tests of several tabs run in each tab and in its workers: the library under names that the
// tests' scripts can see, a way to run such a script in a worker, and one to end the library's own workers.

import { estimateStorage, openPool, persistStorage } from "sqlite-wasm-pool";
import type { TabWorker } from "./tabs-globals.d.ts";

interface Call {
  readonly script: string;
  readonly argument: unknown;
}

const workers: Worker[] = [];
const OwnWorker = globalThis.Worker;

globalThis.Worker = class extends OwnWorker {
  constructor(url: string | URL, options?: WorkerOptions) {
    super(url, options);
    workers.push(this);
  }
};

Object.assign(globalThis, {
  openPool,
  estimateStorage,
  persistStorage,
  newWorker,
  endWorkers: () => {
    for (const worker of workers.splice(0)) worker.terminate();
  },
});

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
  const worker = new OwnWorker(import.meta.url, { type: "module" });
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
