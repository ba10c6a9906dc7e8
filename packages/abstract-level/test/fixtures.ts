/** Shared by the tests of this package: levels in memory, and errors as values. */
import { LsmLevel, type LsmLevelOptions } from '@lsm/abstract-level';
import { memoryFileSystem } from '@lsm/fs';

export const LOCATION = '/db';

/** An open level on a file system in memory. */
export async function openLevel<K = string, V = string>(
  options: LsmLevelOptions<K, V> = {},
): Promise<LsmLevel<K, V>> {
  const db = new LsmLevel<K, V>(LOCATION, {
    fs: memoryFileSystem(),
    executor: 'inline',
    memoryBytes: 1 << 20,
    ...options,
  });
  await db.open();
  return db;
}

/** An error as tests look at it. */
export interface CodedError extends Error {
  code: string;
  cause: CodedError | undefined;
}

/** What a promise rejects with; throws if it does not. */
export async function rejection(promise: Promise<unknown>): Promise<CodedError> {
  try {
    await promise;
  } catch (error) {
    return error as CodedError;
  }
  throw new Error('The promise was fulfilled.');
}

/** What a call throws; throws if it does not. */
export function thrown(call: () => unknown): CodedError {
  try {
    call();
  } catch (error) {
    return error as CodedError;
  }
  throw new Error('Nothing was thrown.');
}
