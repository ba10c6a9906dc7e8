/** The registry of point index kinds: by number, as tables store them, and by name, as settings do. */
import { LsmError, type PointIndexKind } from '@lsm/core';
import { bloom } from './bloom.ts';
import { fuse8 } from './fuse8.ts';
import { hashIndex } from './hash-index.ts';
import { none } from './none.ts';
import { splitBlock } from './split-block.ts';

/** Every kind that this software knows; a kind's position is its number. */
export const POINT_INDEX_KINDS: readonly PointIndexKind[] = Object.freeze([
  none,
  bloom,
  splitBlock,
  fuse8,
  hashIndex,
]);

/**
 * Finds a kind.
 *
 * @param idOrName - number in a table's footer, or name
 * @throws LSM_UNSUPPORTED_FORMAT for one that this software doesn't know
 */
export function pointIndexKind(idOrName: number | string): PointIndexKind {
  for (const kind of POINT_INDEX_KINDS) {
    if (kind.id === idOrName || kind.name === idOrName) return kind;
  }
  throw new LsmError(
    'LSM_UNSUPPORTED_FORMAT',
    `Point index kind ${JSON.stringify(idOrName)} is not known to this software; a newer one may know it.`,
  );
}
