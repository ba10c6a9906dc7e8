/** Keeps memory that several results share from being moved to another thread. */
import { markAsUntransferable } from 'node:worker_threads';

/** Makes `postMessage` refuse to transfer `buffer`; it is copied instead. */
export function markUntransferable(buffer: ArrayBuffer): void {
  markAsUntransferable(buffer);
}
