/** The way of a sealed memtable into another thread: the same memory, read in place. */
import { LsmError } from '@lsm/core';
import { attachKernels } from '@lsm/kernels';
import { Arena } from './arena.ts';
import { ArtMemtable } from './art-memtable.ts';
import { HashMemtable } from './hash-memtable.ts';
import type { MemtableDescription, SealableMemtable } from './version-memtable.ts';

/**
 * Reads a memtable where it stands. Nothing may be added to it any more, here or there, while this is in use.
 *
 * @param description - from `describe()`, possibly through JSON
 * @param handle - `arena.kernels.handle`, possibly through a message to a worker
 * @throws LSM_INTERNAL if the description is of an unknown kind
 */
export function attachMemtable(
  description: MemtableDescription,
  handle: unknown,
): SealableMemtable {
  const arena = new Arena(attachKernels(handle));
  switch (description.kind) {
    case 'art':
      return new ArtMemtable(arena, description.firstSequence, description);
    case 'hash':
      return new HashMemtable(arena, description.firstSequence, description.seed, description);
    default:
      throw new LsmError('LSM_INTERNAL', 'A memtable of an unknown kind was described.');
  }
}
