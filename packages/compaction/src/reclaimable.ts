/**
 * Estimates what merging would free: bytes under tombstones, piece by piece of the key space.
 *
 * 1. A point tombstone is taken to free one entry of average size of what is older in its piece, never more than there
 *    is; a range tombstone, all of what is older in the pieces that it covers, and in those that it covers in part a
 *    share of each table, as its ends lie between the table's.
 * 2. A tombstone frees itself as well, if nothing older remains; and it frees nothing while a reader may need what it
 *    hides.
 *
 * So a delete of a key that was not there counts for too much, once: merging takes the tombstone away; and one of a key
 * of which there are many versions for too little. Beside the estimate stands what it could be at most.
 */
import { compareBytes, type RangeTombstone, sharedPrefixLength } from '@lsm/core';
import type { RunView } from './admission.ts';
import { compareUpper, type KeyRange, overlapping } from './key-range.ts';
import { type Piece, piecesOver } from './pieces.ts';
import type { PiecewiseTable } from './piecewise-compaction.ts';

/** A table as far as the estimate goes. */
export interface ReclaimableTable extends PiecewiseTable {
  readonly entries: number;
  readonly maxSequence: number;
}

/** What the estimate needs to know beside the tree. */
export interface ReclaimableContext {
  /** Smallest sequence number that a reader is at; SEQUENCE_MAX if there is none. */
  readonly oldestReaderSequence: number;
  /** The range tombstones of a table that has some. */
  rangeTombstones(table: ReclaimableTable): readonly Pick<RangeTombstone, 'lower' | 'upper'>[];
}

/** What a piece holds, and how much of it could go; bytes. */
export interface PieceEstimate {
  readonly piece: Piece;
  readonly bytes: number;
  readonly reclaimableBytes: number;
  /** What could go at most: if each point tombstone hid an entry of every older run, each range tombstone all it meets. */
  readonly mostBytes: number;
}

/**
 * Estimates each piece.
 *
 * @param runs - newest first
 * @param pieces - neighbours that together are the key space
 */
export function reclaimableIn(
  runs: readonly RunView<ReclaimableTable>[],
  pieces: readonly Piece[],
  context: ReclaimableContext,
): readonly PieceEstimate[] {
  const totals: readonly Total[] = pieces.map(() => ({
    bytes: 0,
    entries: 0,
    runs: 0,
    reclaimable: 0,
    most: 0,
  }));
  const older: (readonly ReclaimableTable[])[] = [];
  for (const { tables } of runs.toReversed()) {
    for (const table of tables) {
      if (table.maxSequence > context.oldestReaderSequence) continue;
      addPoints(table, pieces, totals);
      const ranges = table.rangeTombstones === 0 ? [] : context.rangeTombstones(table);
      for (const range of ranges) addRange(range, pieces, totals, older);
    }
    const met = new Set<Total>();
    for (const table of tables) {
      const [first, last] = piecesOver(pieces, table);
      const share = 1 / (last - first + 1);
      for (let i = first; i <= last; i++) {
        totals[i]!.bytes += table.bytes * share;
        totals[i]!.entries += table.entries * share;
        met.add(totals[i]!);
      }
    }
    for (const total of met) total.runs++;
    older.push(tables);
  }
  return pieces.map((piece, i) => {
    const { bytes, reclaimable, most } = totals[i]!;
    const reclaimableBytes = Math.min(bytes, reclaimable);
    return { piece, bytes, reclaimableBytes, mostBytes: Math.min(bytes, most) };
  });
}

interface Total {
  bytes: number;
  entries: number;
  /** With tables in the piece. */
  runs: number;
  reclaimable: number;
  most: number;
}

/** Adds what the point tombstones of a table free; they are taken as spread like the entries below them. */
function addPoints(
  table: ReclaimableTable,
  pieces: readonly Piece[],
  totals: readonly Total[],
): void {
  if (table.pointTombstones === 0) return;
  const [first, last] = piecesOver(pieces, table);
  let entries = 0;
  for (let i = first; i <= last; i++) entries += totals[i]!.entries;
  const own = (table.bytes * table.pointTombstones) / Math.max(1, table.entries);
  for (let i = first; i <= last; i++) {
    const total = totals[i]!;
    const share = entries > 0 ? total.entries / entries : 1 / (last - first + 1);
    const points = table.pointTombstones * share;
    const freed = (points * total.bytes) / Math.max(1, total.entries);
    total.reclaimable += own * share + Math.min(freed, total.bytes);
    const hidden = table.pointTombstones * total.runs;
    total.most += own + (hidden * total.bytes) / Math.max(1, total.entries);
  }
}

/** Adds what one range tombstone covers. `older`: the tables of the runs that are older than it. */
function addRange(
  range: Pick<RangeTombstone, 'lower' | 'upper'>,
  pieces: readonly Piece[],
  totals: readonly Total[],
  older: readonly (readonly ReclaimableTable[])[],
): void {
  const hull = { minKey: range.lower, maxKey: range.upper };
  const [first, last] = piecesOver(pieces, hull);
  for (let i = first; i <= last; i++) {
    const { lower, upper } = pieces[i]!;
    totals[i]!.most += totals[i]!.bytes;
    const fromStart = lower !== null && compareBytes(range.lower, lower) <= 0;
    const toEnd = range.upper === null || (upper !== null && compareBytes(upper, range.upper) <= 0);
    if (fromStart && toEnd) {
      totals[i]!.reclaimable += totals[i]!.bytes;
      continue;
    }
    for (const table of older.flatMap((tables) => overlapping(tables, hull))) {
      const [from, to] = piecesOver(pieces, table);
      if (i < from || to < i) continue;
      totals[i]!.reclaimable += (table.bytes * coveredShare(table, range)) / (to - from + 1);
    }
  }
}

/** About which share of a table's keys a range covers: by the position of its ends between the table's. */
function coveredShare(
  table: KeyRange,
  { lower, upper }: Pick<RangeTombstone, 'lower' | 'upper'>,
): number {
  const from = compareBytes(lower, table.minKey) <= 0 ? 0 : positionIn(table, lower);
  const isToEnd =
    upper === null || (table.maxKey !== null && compareUpper(table.maxKey, upper) < 0);
  return Math.max(0, (isToEnd ? 1 : positionIn(table, upper)) - from);
}

/** Where a key stands in a table, 0 to 1, by the bytes that follow what the table's ends have in common. */
function positionIn({ minKey, maxKey }: KeyRange, key: Uint8Array): number {
  if (maxKey === null) return 0;
  const shared = sharedPrefixLength(minKey, maxKey);
  const low = digitsOf(minKey, shared);
  const span = digitsOf(maxKey, shared) - low;
  return span <= 0 ? 0 : Math.min(1, Math.max(0, (digitsOf(key, shared) - low) / span));
}

/** Six bytes as a number; those behind the end count as 0. */
function digitsOf(key: Uint8Array, from: number): number {
  let digits = 0;
  for (let i = from; i < from + 6; i++) digits = digits * 256 + (key[i] ?? 0);
  return digits;
}
