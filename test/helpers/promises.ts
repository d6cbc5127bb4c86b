// Promises that a test holds in its hands.

/** What `promise` rejects with. */
export async function rejection(promise: Promise<unknown>): Promise<Error & { code?: string }> {
  try {
    await promise;
  } catch (thrown) {
    return thrown as Error & { code?: string };
  }
  throw new Error("expected a rejection");
}

/** A promise and the function that settles it. */
export function gate<T = void>(): { promise: Promise<T>; open: (value: T) => void } {
  let open: (value: T) => void = () => {};
  const promise = new Promise<T>((resolve) => {
    open = resolve;
  });
  return { promise, open };
}

/** Stacks have the callers before an await, as V8 writes them. */
export async function followsAsyncCalls(): Promise<boolean> {
  async function afterAwait() {
    await undefined;
    return new Error().stack ?? "";
  }
  return (await afterAwait()).includes("followsAsyncCalls");
}
