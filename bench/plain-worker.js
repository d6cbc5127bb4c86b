// The caller's side of `parts/hop-worker.js`.

import { Worker } from "node:worker_threads";

/** @param {string} path */
export async function startPlainWorker(path) {
  const worker = new Worker(new URL("./parts/hop-worker.js", import.meta.url), {
    workerData: { path },
  });
  /** @type {Map<number, (value: unknown) => void>} */
  const waiting = new Map();
  await new Promise((resolve) => worker.once("message", resolve));
  worker.on("message", ({ id, result }) => {
    waiting.get(id)?.(result);
    waiting.delete(id);
  });
  let last = 0;
  return {
    /**
     * @param {string} sql
     * @param {readonly unknown[]} params
     * @param {string} want
     */
    request(sql, params, want) {
      const id = ++last;
      return new Promise((resolve) => {
        waiting.set(id, resolve);
        worker.postMessage({ id, sql, params, want });
      });
    },
    close: () => worker.terminate(),
  };
}
