// An export as a stream: its source is asked for a piece when somebody reads one, and ended when nobody will.

import type { Bytes } from "../types.ts";
import { onAbort } from "./abort.ts";

/** `chunks` as a stream; an abort ends them also while nobody reads. */
export function streamOf(
  chunks: AsyncGenerator<Bytes, void, undefined>,
  signal: AbortSignal | undefined,
): ReadableStream<Bytes> {
  let disarm = () => {};
  return new ReadableStream<Bytes>(
    {
      start(controller) {
        if (signal === undefined) return;
        disarm = onAbort(signal, () => {
          disarm();
          controller.error(signal.reason);
          // The reader hears of the abort, and of nothing that goes wrong on the way back.
          chunks.return().catch(() => {});
        });
      },
      async pull(controller) {
        try {
          const { done, value } = await chunks.next();
          if (!done) return controller.enqueue(value);
          disarm();
          controller.close();
        } catch (thrown) {
          disarm();
          throw thrown;
        }
      },
      async cancel() {
        disarm();
        await chunks.return();
      },
    },
    { highWaterMark: 0 },
  );
}
