/**
 * Key ranges of tables, both ends inclusive, and the questions that rules and pickers ask about them.
 *
 * A table's range includes its range tombstones, so it can reach beyond its entries; an upper end of `null` stands
 * for the end of all keys. Two ranges that share one key overlap: L0's `[a–q]` does meet `[q–z]` below it.
 */
import { assert, compareBytes, copyBytes } from '@lsm/core';

/** Keys from `minKey` to `maxKey`, both inclusive; `maxKey` `null`: no upper end. */
export interface KeyRange {
  readonly minKey: Uint8Array;
  readonly maxKey: Uint8Array | null;
}

/** Compares two upper ends; `null` is above every key. */
export function compareUpper(a: Uint8Array | null, b: Uint8Array | null): number {
  if (a === null) return b === null ? 0 : 1;
  return b === null ? -1 : compareBytes(a, b);
}

/** Whether `key` is at or below the upper end `maxKey`. */
export function isWithinUpper(key: Uint8Array, maxKey: Uint8Array | null): boolean {
  return maxKey === null || compareBytes(key, maxKey) <= 0;
}

/** Whether two ranges share a key. */
export function rangesOverlap(a: KeyRange, b: KeyRange): boolean {
  return isWithinUpper(a.minKey, b.maxKey) && isWithinUpper(b.minKey, a.maxKey);
}

/** Whether `inner` lies within `outer`. */
export function rangeContains(outer: KeyRange, inner: KeyRange): boolean {
  return (
    compareBytes(outer.minKey, inner.minKey) <= 0 && compareUpper(inner.maxKey, outer.maxKey) <= 0
  );
}

/** The smallest range that holds all of `ranges`; at least one is needed. */
export function hullOf(ranges: readonly KeyRange[]): KeyRange {
  const first = ranges[0];
  assert(first !== undefined, 'The hull of no ranges was asked for.');
  let { minKey, maxKey } = first;
  for (const range of ranges) {
    if (compareBytes(range.minKey, minKey) < 0) minKey = range.minKey;
    if (compareUpper(range.maxKey, maxKey) > 0) maxKey = range.maxKey;
  }
  return { minKey, maxKey };
}

/**
 * Where the members of a run that overlap a range stand.
 *
 * @param tables - disjoint, in key order
 * @param range - both ends inclusive
 * @returns first index and the index after the last; equal if none overlaps; O(log n)
 */
export function overlapBounds(
  tables: readonly KeyRange[],
  range: KeyRange,
): readonly [start: number, end: number] {
  let low = 0;
  let high = tables.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (isWithinUpper(range.minKey, tables[middle]!.maxKey)) high = middle;
    else low = middle + 1;
  }
  const start = low;
  high = tables.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (isWithinUpper(tables[middle]!.minKey, range.maxKey)) low = middle + 1;
    else high = middle;
  }
  return [start, low];
}

/** The tables of a run that overlap a range, in key order. */
export function overlapping<T extends KeyRange>(
  tables: readonly T[],
  range: KeyRange,
): readonly T[] {
  const [start, end] = overlapBounds(tables, range);
  return start === end ? [] : tables.slice(start, end);
}

/** Whether no two of `ranges` share a key; O(n log n). */
export function areDisjoint(ranges: readonly KeyRange[]): boolean {
  const sorted = ranges.toSorted((a, b) => compareBytes(a.minKey, b.minKey));
  return sorted.every((range, i) => i === 0 || !isWithinUpper(range.minKey, sorted[i - 1]!.maxKey));
}

/** Sum of a set's sizes, bytes. */
export function totalBytes(tables: readonly { readonly bytes: number }[]): number {
  let sum = 0;
  for (const table of tables) sum += table.bytes;
  return sum;
}

/**
 * The inclusive largest key of what ends before `upper`: exact if `upper` ends with a zero byte, as the successor of a
 * key does; else `upper` itself, one key too far and never too little.
 */
export function inclusiveUpper(upper: Uint8Array): Uint8Array {
  const last = upper.length - 1;
  return upper[last] === 0 ? copyBytes(upper, 0, last) : upper;
}
