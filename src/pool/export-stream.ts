// An export as a stream: its source is asked for a piece when somebody reads one, and ended when nobody will.

/** `chunks` as a stream; an abort ends them also while nobody reads. */
export function streamOf(
  chunks: AsyncGenerator<Uint8Array, void, undefined>,
  signal: AbortSignal | undefined,
): ReadableStream<Uint8Array> {
  let abort = () => {};
  const disarm = () => signal?.removeEventListener("abort", abort);
  return new ReadableStream<Uint8Array>(
    {
      start(controller) {
        abort = () => {
          disarm();
          controller.error(signal?.reason);
          // The reader hears of the abort, and of nothing that goes wrong on the way back.
          chunks.return().catch(() => {});
        };
        signal?.addEventListener("abort", abort);
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
