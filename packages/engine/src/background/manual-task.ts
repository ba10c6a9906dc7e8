/** The compaction behind `db.compact(range)`. */
import {
  aimedTaskBytes,
  type Piece,
  PiecewiseCompaction,
  piecesOf,
  type Rejection,
  totalBytes,
} from '@lsm/compaction';
import { compareBytes, LsmError } from '@lsm/core';
import type { Run, TableMetadata } from '@lsm/manifest';
import type { Interval } from '../range.ts';

/** What a compaction by pieces needs to know of the database. */
export interface PiecewiseScope {
  /** Newest first. */
  readonly runs: readonly Run[];
  readonly maxTaskBytes: number;
  readonly tableBytes: number;
  readonly newestSequence: number;
  readonly firstNewTable: number;
}

/**
 * Merges all tables that overlap an interval, and whatever overlaps those, into the oldest run: at once if that is no
 * more than a task may read, else every piece of the tree that the interval meets.
 */
export function manualCompaction(scope: PiecewiseScope, interval: Interval): PiecewiseCompaction {
  const { runs, maxTaskBytes } = scope;
  const { lower, upper } = interval;
  const reason = 'manual';
  if (interval.empty) return new PiecewiseCompaction({ ...scope, pieces: [], borders: [], reason });
  const wanted: Piece = { lower, upper };
  if (totalBytes(overlapClosure(runs, interval)) <= maxTaskBytes) {
    return new PiecewiseCompaction({ ...scope, pieces: [wanted], borders: [], reason });
  }
  const isMet = (piece: Piece): boolean => {
    if (piece.upper !== null && compareBytes(lower, piece.upper) >= 0) return false;
    return upper === null || piece.lower === null || compareBytes(piece.lower, upper) < 0;
  };
  return compactionOf(scope, (pieces) => pieces.filter(isMet), reason);
}

/** Merges the pieces of the tree that `choose` returns of all. */
export function compactionOf(
  scope: PiecewiseScope,
  choose: (pieces: readonly Piece[]) => readonly Piece[],
  reason: string,
): PiecewiseCompaction {
  const all = piecesOf(scope.runs, aimedTaskBytes(scope));
  const borders = all.flatMap(({ lower }) => (lower === null ? [] : [lower]));
  return new PiecewiseCompaction({ ...scope, pieces: choose(all), borders, reason });
}

/** The error of a compaction that may not run. */
export function refusal({ rule, message }: Rejection): LsmError {
  if (rule !== 'A7') {
    return new LsmError('LSM_INTERNAL', `A manual compaction was refused: ${message}`);
  }
  return new LsmError(
    'LSM_DISK_FULL',
    `${message} What was merged before stays so, and nothing is lost; make room and call it again.`,
  );
}

function overlapClosure(runs: readonly Run[], interval: Interval): TableMetadata[] {
  const tables = runs.flatMap((run) => run.tables);
  let { lower, upper }: { lower: Uint8Array; upper: Uint8Array | null } = interval;
  let inclusive = false;
  const overlaps = (table: TableMetadata): boolean => {
    if (table.maxKey !== null && compareBytes(table.maxKey, lower) < 0) return false;
    if (upper === null) return true;
    const order = compareBytes(table.minKey, upper);
    return inclusive ? order <= 0 : order < 0;
  };
  let selected: TableMetadata[] = [];
  for (;;) {
    const next = tables.filter(overlaps);
    if (next.length === selected.length) return selected;
    selected = next;
    for (const table of selected) {
      if (compareBytes(table.minKey, lower) < 0) lower = table.minKey;
      if (table.maxKey === null) upper = null;
      else if (upper !== null) {
        const order = compareBytes(table.maxKey, upper);
        if (order >= 0) {
          upper = table.maxKey;
          inclusive = true;
        }
      }
    }
  }
}
