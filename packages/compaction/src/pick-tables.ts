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
 *
 * A plan takes a few candidates of hundreds. So both runs are walked once, side by side, the bytes of an overlap are the
 * difference of two sums, what can't be merged now is left out before it is looked at, and what is best is looked for
 * when it is asked for, instead of sorting.
 */
import { compareBytes, type TableId, type TableInfo } from '@lsm/core';
import { isWithinUpper } from './key-range.ts';

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

/** What is left out: tables that overlap a busy one. */
export interface PickFilter {
  /** Whether a running or planned task has a table. */
  isBusy(table: TableId): boolean;
  /** Bytes, with the overlap, above which a table is offered all the same: it may be cut apart. */
  readonly wideBytes: number;
}

/**
 * Candidates of a run, best first; O(n log m), and O(n) for each that is taken.
 *
 * @param tables - those that may be picked, in key order
 * @param target - tables of the target run, in key order
 * @param picker - the order
 * @param after - key where the last pick of this level ended; `null`: none yet
 * @param filter - default: nothing is left out
 */
export function* pickTables(
  tables: readonly TableInfo[],
  target: readonly TableInfo[],
  picker: TablePicker,
  after: Uint8Array | null,
  filter?: PickFilter,
): Generator<TableCandidate, void, undefined> {
  const { starts, ends, bytes } = overlapsOf(tables, target);
  const isOffered = offers(tables, target, { starts, ends, bytes }, filter);
  const first = after === null ? 0 : tables.findIndex((one) => compareBytes(one.minKey, after) > 0);
  const candidate = (index: number): TableCandidate => ({
    table: tables[index]!,
    overlap: target.slice(starts[index], ends[index]),
    overlapBytes: bytes[index]!,
  });
  if (picker === 'round-robin') {
    for (let i = 0; i < tables.length; i++) {
      const index = (Math.max(0, first) + i) % tables.length;
      if (isOffered(index)) yield candidate(index);
    }
    return;
  }
  const ratios = tables.map((table, i) => overlapRatio(table, bytes[i]!));
  const ranks = picker === 'min-overlap' ? ratios : tables.map((table) => rank(table, picker));
  const inOrder = Uint32Array.from(tables, (_, i) => (Math.max(0, first) + i) % tables.length);
  const left = inOrder.filter(isOffered);
  for (let count = left.length; count > 0; count--) {
    let best = 0;
    for (let i = 1; i < count; i++) {
      const [a, b] = [left[i]!, left[best]!];
      const isBetter = ranks[a] === ranks[b] ? ratios[a]! < ratios[b]! : ranks[a]! < ranks[b]!;
      if (isBetter) best = i;
    }
    const index = left[best]!;
    // The others keep their order, which decides between equals.
    left.copyWithin(best, best + 1, count);
    yield candidate(index);
  }
}

interface Overlaps {
  /** For each table the first of the target that it overlaps, and the one after the last. */
  readonly starts: Uint32Array;
  readonly ends: Uint32Array;
  readonly bytes: Float64Array;
}

function overlapsOf(tables: readonly TableInfo[], target: readonly TableInfo[]): Overlaps {
  const starts = new Uint32Array(tables.length);
  const ends = new Uint32Array(tables.length);
  const bytes = new Float64Array(tables.length);
  const sums = new Float64Array(target.length + 1);
  for (let i = 0; i < target.length; i++) sums[i + 1] = sums[i]! + target[i]!.bytes;
  let end = 0;
  for (let i = 0; i < tables.length; i++) {
    const { minKey, maxKey } = tables[i]!;
    // What two neighbours both overlap can only be the last table of the first.
    const start = seek(target, Math.max(0, end - 1), (one) => isWithinUpper(minKey, one.maxKey));
    end = seek(target, start, (one) => !isWithinUpper(one.minKey, maxKey));
    starts[i] = start;
    ends[i] = end;
    bytes[i] = sums[end]! - sums[start]!;
  }
  return { starts, ends, bytes };
}

/** Tells which tables are offered, by position. */
function offers(
  tables: readonly TableInfo[],
  target: readonly TableInfo[],
  { starts, ends, bytes }: Overlaps,
  filter: PickFilter | undefined,
): (index: number) => boolean {
  if (filter === undefined) return () => true;
  const busy = new Uint32Array(target.length + 1);
  for (let i = 0; i < target.length; i++) {
    busy[i + 1] = busy[i]! + (filter.isBusy(target[i]!.id) ? 1 : 0);
  }
  return (index) =>
    busy[starts[index]!] === busy[ends[index]!] ||
    tables[index]!.bytes + bytes[index]! > filter.wideBytes;
}

/** First table from `from` on that `isReached`, as all after it do; steps double, since it tends to be near. */
function seek(
  tables: readonly TableInfo[],
  from: number,
  isReached: (table: TableInfo) => boolean,
): number {
  let low = from;
  let high = from;
  for (let step = 1; high < tables.length && !isReached(tables[high]!); step *= 2) {
    low = high + 1;
    high += step;
  }
  high = Math.min(high, tables.length);
  while (low < high) {
    const middle = (low + high) >> 1;
    if (isReached(tables[middle]!)) high = middle;
    else low = middle + 1;
  }
  return low;
}

/** Smaller is better. */
function rank(
  table: TableInfo,
  picker: Exclude<TablePicker, 'min-overlap' | 'round-robin'>,
): number {
  switch (picker) {
    case 'oldest':
      return table.maxSequence;
    case 'largest':
      return -(table.bytes + table.reclaimableBytes);
    case 'tombstone-density':
      return -(table.pointTombstones + table.rangeTombstones) / Math.max(1, table.entries);
    case 'wasted-reads':
      return -(table.wastedReads ?? 0) / Math.max(1, table.bytes);
  }
}

/** Bytes to rewrite for each byte that goes down. */
function overlapRatio(table: TableInfo, overlapBytes: number): number {
  return overlapBytes / Math.max(1, table.bytes + table.reclaimableBytes);
}
