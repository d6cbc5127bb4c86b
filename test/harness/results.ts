// What the tests of another thread, browser or runtime tell of themselves, as JSON.

/** One test that has ended, or one suite that could not even be collected. */
export interface TestResult {
  /** The suite's file and the names of the `describe` blocks around the test. */
  readonly suites: readonly string[];
  readonly name: string;
  readonly state: "pass" | "fail" | "skip";
  readonly durationMs: number;
  readonly errors: readonly TestError[];
}

/** An error as it was where it was thrown: its stack is in that place's words. */
export interface TestError {
  readonly name: string;
  readonly message: string;
  readonly stack: string;
  readonly diff?: string;
}

export type TestEvent =
  /** A test begins: if nothing follows, it is the one to blame. */
  | { readonly type: "begin"; readonly suites: readonly string[]; readonly name: string }
  | { readonly type: "end"; readonly result: TestResult }
  /** All suites have ended. */
  | { readonly type: "done" }
  /** Something was thrown that no test waited for. */
  | { readonly type: "unhandled"; readonly error: TestError }
  /** The place itself failed: nothing more comes. */
  | { readonly type: "failed"; readonly error: TestError };
