/**
 * Which table of a run to merge next into the run below: the order of candidates.
 *
 * - `min-overlap`: least bytes to rewrite for each byte that moves down; ties in round-robin order.
 * - `round-robin`: by key, from where the last pick ended; the state holds that key.
 * - `oldest`: the table whose newest write is oldest; good when a small set of keys is hot.
 * - `largest`: most bytes, counting those that its tombstones would free.
 * - `tombstone-density`: the largest share of tombstones; without any, least overlap.
 * - `wasted-reads`: the table that reads looked into in vain most often for its size (what LevelDB's seek compaction
 *   does); without any, least overlap.
 *
 * No choice depends on table numbers, so equal trees get equal plans.
 */
import { compareBytes, type TableInfo } from '@lsm/core';
import { overlapping, totalBytes } from './key-range.ts';

/** Names of the orders. */
export const TABLE_PICKERS = [
  'min-overlap',
  'round-robin',
  'oldest',
  'largest',
  'tombstone-density',
  'wasted-reads',
] as const;

/** How the next table is chosen. */
export type TablePicker = (typeof TABLE_PICKERS)[number];

/** A table and what it would be merged with. */
export interface TableCandidate {
  readonly table: TableInfo;
  /** Tables of the target run that overlap it. */
  readonly overlap: readonly TableInfo[];
  readonly overlapBytes: number;
}

/**
 * Candidates of a run, best first; O(n log n).
 *
 * @param tables - those that may be picked, in key order
 * @param target - tables of the target run, in key order
 * @param picker - the order
 * @param after - key where the last pick of this level ended; `null`: none yet
 */
export function pickTables(
  tables: readonly TableInfo[],
  target: readonly TableInfo[],
  picker: TablePicker,
  after: Uint8Array | null,
): readonly TableCandidate[] {
  const start =
    after === null ? 0 : tables.findIndex((table) => compareBytes(table.minKey, after) > 0);
  const turned = start <= 0 ? tables : [...tables.slice(start), ...tables.slice(0, start)];
  const candidates = turned.map((table) => {
    const overlap = overlapping(target, table);
    return { table, overlap, overlapBytes: totalBytes(overlap) };
  });
  if (picker === 'round-robin') return candidates;
  return candidates.sort(
    (a, b) => rank(a, picker) - rank(b, picker) || overlapRatio(a) - overlapRatio(b),
  );
}

/** Smaller is better. */
function rank(candidate: TableCandidate, picker: TablePicker): number {
  const { table } = candidate;
  switch (picker) {
    case 'oldest':
      return table.maxSequence;
    case 'largest':
      return -(table.bytes + table.reclaimableBytes);
    case 'tombstone-density':
      return -(table.pointTombstones + table.rangeTombstones) / Math.max(1, table.entries);
    case 'wasted-reads':
      return -(table.wastedReads ?? 0) / Math.max(1, table.bytes);
    case 'min-overlap':
    case 'round-robin':
      return overlapRatio(candidate);
  }
}

/** Bytes to rewrite for each byte that goes down. */
function overlapRatio({ table, overlapBytes }: TableCandidate): number {
  return overlapBytes / Math.max(1, table.bytes + table.reclaimableBytes);
}
