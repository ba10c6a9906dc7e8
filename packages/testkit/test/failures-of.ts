/** Runs a suite by itself, to see what it finds. */
import type { TestTools } from '@lsm/testkit';
import { expect } from 'vitest';

/**
 * The names of the tests that fail.
 *
 * @param define - defines the suite
 * @param only - tests whose name has this in it; default: all
 */
export async function failuresOf(define: (tools: TestTools) => void, only = ''): Promise<string[]> {
  const tests: [string, () => void | Promise<void>][] = [];
  define({
    describe: (_, body) => body(),
    it: (name, body) => void tests.push([name, body]),
    expect,
  });
  const failed: string[] = [];
  for (const [name, body] of tests) {
    if (!name.includes(only)) continue;
    try {
      await body();
    } catch {
      failed.push(name);
    }
  }
  return failed;
}
