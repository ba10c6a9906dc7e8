/** Tables that overlap each other, directly or through others: what can be merged by itself. */
import { compareBytes } from '@lsm/core';
import { compareUpper, isWithinUpper, type KeyRange } from './key-range.ts';

/**
 * Divides tables into stretches that don't overlap each other; O(n log n).
 *
 * @param tables - of any runs, in any order
 * @returns in key order; within each, by first keys
 */
export function overlapClusters<T extends KeyRange>(
  tables: readonly T[],
): readonly (readonly T[])[] {
  const clusters: T[][] = [];
  let reach: Uint8Array | null = null;
  for (const table of tables.toSorted((a, b) => compareBytes(a.minKey, b.minKey))) {
    const cluster = clusters.at(-1);
    if (cluster === undefined || !isWithinUpper(table.minKey, reach)) {
      clusters.push([table]);
      reach = table.maxKey;
    } else {
      cluster.push(table);
      if (compareUpper(table.maxKey, reach) > 0) reach = table.maxKey;
    }
  }
  return clusters;
}
