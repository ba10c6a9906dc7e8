/**
 * Cuts a tree into pieces of the key space: each about as many bytes, all runs together, as one task may read.
 *
 * Borders are where tables end, chosen so that none falls into a table of the oldest run: those are merged with
 * everything above them and should not have to be cut. Where other tables lie across a border, their bytes are taken as
 * spread evenly.
 */
import { compareBytes, keySuccessor } from '@lsm/core';
import type { RunView } from './admission.ts';
import { isWithinUpper, type KeyRange, overlapBounds, totalBytes } from './key-range.ts';

/** Keys from `lower`, inclusive (`null`: from the first), up to `upper`, exclusive (`null`: to the end). */
export interface Piece {
  readonly lower: Uint8Array | null;
  readonly upper: Uint8Array | null;
}

/**
 * Divides the key space.
 *
 * @param runs - with their tables, newest first
 * @param maxBytes - of a piece, unless a single table of the oldest run is larger
 * @returns neighbouring pieces, at least one, from the first key to the last
 */
export function piecesOf(runs: readonly RunView[], maxBytes: number): readonly Piece[] {
  const tables = runs.flatMap((run) => run.tables);
  if (totalBytes(tables) <= maxBytes) return [{ lower: null, upper: null }];
  const keys = candidates(runs);
  // Slot i is what lies from candidate i − 1 up to candidate i.
  const weights = new Float64Array(keys.length + 2);
  for (const { minKey, maxKey, bytes } of tables) {
    const first = countUpTo(keys, minKey);
    const last = maxKey === null ? keys.length : countUpTo(keys, maxKey);
    const share = bytes / (last - first + 1);
    weights[first]! += share;
    weights[last + 1]! -= share;
  }
  const borders: Uint8Array[] = [];
  let bytes = 0;
  let weight = 0;
  for (let slot = 0; slot <= keys.length; slot++) {
    weight += weights[slot]!;
    // Sums of shares are never quite 0.
    if (bytes > 0 && weight >= 1 && bytes + weight > maxBytes) {
      borders.push(keys[slot - 1]!);
      bytes = 0;
    }
    bytes += weight;
  }
  return [null, ...borders].map((lower, i) => ({ lower, upper: borders[i] ?? null }));
}

/** Whether a table has keys in a piece. */
export function meetsPiece({ minKey, maxKey }: KeyRange, { lower, upper }: Piece): boolean {
  if (lower !== null && !isWithinUpper(lower, maxKey)) return false;
  return upper === null || compareBytes(minKey, upper) < 0;
}

/** First and last of the pieces, in order, that a table has keys in. */
export function piecesOver(
  pieces: readonly Piece[],
  { minKey, maxKey }: KeyRange,
): readonly [first: number, last: number] {
  let low = 1;
  let high = pieces.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (compareBytes(pieces[middle]!.lower!, minKey) <= 0) low = middle + 1;
    else high = middle;
  }
  const first = low - 1;
  high = pieces.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (isWithinUpper(pieces[middle]!.lower!, maxKey)) low = middle + 1;
    else high = middle;
  }
  return [first, low - 1];
}

/** Successors of the last keys of tables, where the tree may be cut, ascending: range deletes are divided just there. */
function candidates(runs: readonly RunView[]): readonly Uint8Array[] {
  const oldest = runs.findLast((run) => run.tables.length > 0)?.tables ?? [];
  const isInside = (key: Uint8Array): boolean => {
    const [start, end] = overlapBounds(oldest, { minKey: key, maxKey: key });
    return start < end && compareBytes(oldest[start]!.minKey, key) < 0;
  };
  const keys: Uint8Array[] = [];
  for (const { maxKey } of runs.flatMap((run) => run.tables)) {
    const key = maxKey === null ? null : keySuccessor(maxKey);
    if (key !== null && !isInside(key)) keys.push(key);
  }
  keys.sort(compareBytes);
  return keys.filter((key, i) => i === 0 || compareBytes(keys[i - 1]!, key) < 0);
}

/** How many of the keys, ascending, are at or below `key`. */
function countUpTo(keys: readonly Uint8Array[], key: Uint8Array): number {
  let low = 0;
  let high = keys.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (compareBytes(keys[middle]!, key) <= 0) low = middle + 1;
    else high = middle;
  }
  return low;
}
