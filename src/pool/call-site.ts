// Where a call was made, in the stack of an error that came about elsewhere.

/**
 * The stack of an error from another thread ends there, and one from this thread is cut short before
 * it comes to the caller's code. Added here, a statement that succeeds pays nothing for it.
 */
export function addCallSite(thrown: unknown): void {
  if (!(thrown instanceof Error) || thrown.stack === undefined) return;
  const callers = new Error().stack?.split("\n").slice(2).join("\n") ?? "";
  if (!thrown.stack.includes(callers)) thrown.stack += `\n${callers}`;
}

/** `sent`, whose failure shows where it was waited for. */
export async function withCallSite<T>(sent: T | Promise<T>): Promise<T> {
  try {
    return await sent;
  } catch (thrown) {
    addCallSite(thrown);
    throw thrown;
  }
}
