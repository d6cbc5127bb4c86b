import type { TestSequencer, TestSpecification } from "vitest/node";

/** What takes minutes, longest first: begun last, each would leave a core without work at the end. */
const LONG = ["chromium", "firefox", "webkit", "playground", "tabs"].map(
  (name) => `/test/browser/${name}.test.ts`,
);

/** The order of the test files. */
export class LongestFirst implements TestSequencer {
  async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    return files.toSorted((a, b) => place(a) - place(b));
  }

  async shard(files: TestSpecification[]): Promise<TestSpecification[]> {
    return files;
  }
}

function place({ moduleId }: TestSpecification): number {
  const found = LONG.findIndex((name) => moduleId.endsWith(name));
  return found < 0 ? LONG.length : found;
}
