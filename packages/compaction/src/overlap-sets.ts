/**
 * Overlap sets: the largest groups of ranges that have a key in common.
 *
 * A reader of some key has to look into every table of one of these groups, and into no other; so the largest group is
 * the most that a read can cost, and groups that share no member can be merged independently. One sweep over the
 * ranges in key order: a group is complete when a range begins after one of its members has ended. The idea is that of
 * Cassandra's unified compaction.
 */
import { compareBytes } from '@lsm/core';
import { compareUpper, isWithinUpper, type KeyRange } from './key-range.ts';

/**
 * Finds the overlap sets; O(n log n) and the size of the answer.
 *
 * @param ranges - any order, both ends inclusive
 * @returns sets in key order, members by their lower ends; every range is in at least one
 */
export function overlapSets<T extends KeyRange>(ranges: readonly T[]): readonly (readonly T[])[] {
  const sorted = ranges.toSorted(
    (a, b) => compareBytes(a.minKey, b.minKey) || compareUpper(a.maxKey, b.maxKey),
  );
  const sets: T[][] = [];
  let active: T[] = [];
  for (const range of sorted) {
    const rest = active.filter((other) => isWithinUpper(range.minKey, other.maxKey));
    if (rest.length < active.length) sets.push(active);
    active = [...rest, range];
  }
  if (active.length > 0) sets.push(active);
  return sets;
}
