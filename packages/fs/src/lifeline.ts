/**
 * A lifeline: a descriptor that one thread opens and another one looks at, to see whether the first still lives.
 *
 * A thread that blocks its event loop is never told that a worker ended. But the runtime closes the descriptors that a
 * worker opened when it tears the worker down, whatever ended it: an error, `process.exit`, `terminate` or the heap
 * limit (measured with Node 20 and 24, within 5 ms). A worker that only hangs in a system call keeps its descriptor.
 *
 * The number of a closed descriptor may be given to another file at once, so the inode is compared, too. What
 * can't be told (a runtime that closes nothing, a number that was given to the same file) counts as alive.
 */
import { fstatSync, openSync } from 'node:fs';

/** An open descriptor that dies with its thread: two integers below 2^31, so that shared memory can carry them. */
export interface Lifeline {
  readonly descriptor: number;
  /** Part of the inode. */
  readonly mark: number;
}

/** Opens a lifeline of this thread; `null` where that isn't possible. It is closed by the end of the thread. */
export function openLifeline(): Lifeline | null {
  try {
    const descriptor = openSync(process.execPath, 'r');
    return { descriptor, mark: markOf(descriptor) };
  } catch {
    return null;
  }
}

/** Whether the thread that opened a lifeline may still live. About 2 µs. */
export function isLifelineHeld({ descriptor, mark }: Lifeline): boolean {
  try {
    return markOf(descriptor) === mark;
  } catch {
    return false;
  }
}

function markOf(descriptor: number): number {
  return fstatSync(descriptor).ino % 2 ** 31;
}
