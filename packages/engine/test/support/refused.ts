/** Waiting for and counting things in tests. */
import { isLsmError, type LsmErrorCode } from '@lsm/core';
import { expect } from 'vitest';

/** Expects a call to throw, or its promise to reject with, an LsmError of this code; returns its message. */
export async function refused(code: LsmErrorCode, call: () => unknown): Promise<string> {
  let result: unknown;
  try {
    result = await call();
  } catch (error) {
    if (!isLsmError(error)) throw error;
    expect(error.code, error.message).toBe(code);
    return error.message;
  }
  throw new Error(`Expected ${code}, got ${String(result)}`);
}

/** Lets macrotasks run. */
export function turn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
