/**
 * Windows: memories of one size with kernels bound to them, in which tables are written and read ahead.
 *
 * Making a memory costs far more than using it, so a few stay behind for the next builder or cursor of the thread.
 */
import { createKernels, type Kernels } from '@lsm/kernels';
import { BLOCK_BYTES_MAX } from './format.ts';

/** Bytes of one write to a file. */
export const WRITE_BYTES: number = 1 << 20;
/** In a window of a builder: where compressed blocks are made, behind the write buffer and one block of overhang. */
export const ENCODE_OFFSET: number = WRITE_BYTES + BLOCK_BYTES_MAX;
/** In a window of a reader: where blocks are decoded to, behind the bytes as read from the file. */
export const DECODE_OFFSET: number = BLOCK_BYTES_MAX;
/** Bytes of a window. */
const WINDOW_BYTES: number = ENCODE_OFFSET + BLOCK_BYTES_MAX;
/** Windows that stay behind unused. */
const SPARE_MAX = 3;

const spare: Kernels[] = [];

/** Takes a window; its content is rubbish. */
export function acquireWindow(): Kernels {
  return spare.pop() ?? createKernels(WINDOW_BYTES);
}

/** Gives a window back; nothing may refer to it any more. */
export function releaseWindow(window: Kernels): void {
  if (spare.length < SPARE_MAX) spare.push(window);
}
