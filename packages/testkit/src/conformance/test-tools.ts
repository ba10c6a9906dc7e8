/** What conformance suites need of a test runner; vitest's exports fit. */

/** Assertions on a value, as far as the suites use them. */
export interface Expectation {
  toBe(expected: unknown): void;
  toEqual(expected: unknown): void;
  toBeLessThanOrEqual(expected: number): void;
  toBeGreaterThanOrEqual(expected: number): void;
}

/** `{ describe, it, expect }` of vitest or a runner like it. */
export interface TestTools {
  readonly describe: (name: string, body: () => void) => void;
  readonly it: (name: string, body: () => void | Promise<void>) => void;
  readonly expect: (value: unknown) => Expectation;
}

/** The code of the error that `call` throws or rejects with; `none` if it does not fail. */
export async function codeOf(call: () => unknown): Promise<string> {
  try {
    await call();
    return 'none';
  } catch (error) {
    const isCoded = typeof error === 'object' && error !== null && 'code' in error;
    return isCoded ? String(error.code) : `not typed: ${String(error)}`;
  }
}
