/**
 * Drop rule D7: tables that range deletes hide wholly can be dropped without being read.
 *
 * 1. The range deletes of newer runs, read together, leave no key of the table uncovered, and each is newer than all
 *    that the table holds (as the order of runs wants it; looked at all the same). So whoever sees these deletes sees
 *    nothing of the table.
 * 2. Every reader sees them: none is at an older sequence number.
 * 3. The deletes stay where they are. They go on hiding what lies further down, so that a table may go although older
 *    ones stay, unlike in a drop that loses data (A6).
 *
 * Pebble calls it a delete-only compaction, RocksDB has it as DeleteFilesInRange, on demand.
 */
import {
  compareBytes,
  fragmentAt,
  type RangeTombstoneFragment,
  SEQUENCE_MAX,
  type TableId,
} from '@lsm/core';
import type { RunView, TableView } from './admission.ts';
import { overlapBounds } from './key-range.ts';

/** A table as far as this goes. */
export interface CoverableTable extends TableView {
  readonly rangeTombstones: number;
  readonly maxSequence: number;
}

/** What has to be known beside the tree. */
export interface CoverContext {
  /** Smallest sequence number that a reader is at; SEQUENCE_MAX if there is none. */
  readonly oldestReaderSequence: number;
  /** Whether a running task has the table as input. */
  isBusy(table: TableId): boolean;
  /** The range deletes of a table that has some, fragmented. */
  fragments(table: CoverableTable): readonly RangeTombstoneFragment[];
}

/**
 * Switches that turn parts of D7 off, to prove that tests notice. Never turn one off outside of a test.
 *
 * @internal
 */
export interface CoverRules {
  /** Every reader has to see the range deletes. */
  readonly readers: boolean;
  /** No key may be left uncovered; off: the first and the last key are looked at alone. */
  readonly gaps: boolean;
}

/** @internal */
export const ALL_COVER_RULES: CoverRules = { readers: true, gaps: true };

type Fragments = readonly RangeTombstoneFragment[];

/**
 * The idle tables that nobody can see anything of.
 *
 * @param runs - newest first
 * @param rules - test only, see {@link CoverRules}
 */
export function coveredTables<T extends CoverableTable>(
  runs: readonly RunView<T>[],
  context: CoverContext,
  rules: CoverRules = ALL_COVER_RULES,
): readonly T[] {
  const covered: T[] = [];
  const newer: { readonly table: T; readonly fragments: Fragments }[] = [];
  for (const { tables } of runs) {
    // Only what overlaps a table is asked about it: a large tree may have range deletes everywhere.
    const above = new Map<T, Fragments[]>();
    for (const { table, fragments } of newer) {
      const [start, end] = overlapBounds(tables, table);
      for (let i = start; i < end; i++) {
        const lists = above.get(tables[i]!);
        if (lists === undefined) above.set(tables[i]!, [fragments]);
        else lists.push(fragments);
      }
    }
    for (const [table, lists] of above) {
      if (isCovered(table, lists, context, rules) && !context.isBusy(table.id)) covered.push(table);
    }
    for (const table of tables) {
      if (table.rangeTombstones === 0) continue;
      const fragments = context.fragments(table);
      if (fragments.length > 0) newer.push({ table, fragments });
    }
  }
  return covered;
}

function isCovered(
  { minKey, maxKey, maxSequence }: CoverableTable,
  lists: readonly Fragments[],
  { oldestReaderSequence }: CoverContext,
  { readers, gaps }: CoverRules,
): boolean {
  const upTo = readers ? oldestReaderSequence : SEQUENCE_MAX;
  const reach = (key: Uint8Array): Uint8Array | null | undefined =>
    reachFrom(key, lists, maxSequence, upTo);
  // Most tables at the end of a deleted range are told apart by their last key, without a walk.
  if (maxKey !== null && reach(maxKey) === undefined) return false;
  for (let at = minKey; ; ) {
    const end = reach(at);
    if (end === undefined) return false;
    if (!gaps) return true;
    if (end === null) return true;
    if (maxKey !== null && compareBytes(maxKey, end) < 0) return true;
    at = end;
  }
}

/** Up to where the fragments that `key` is in reach, exclusive; `null`: to the end of all keys; `undefined`: it is in none. */
function reachFrom(
  key: Uint8Array,
  lists: readonly Fragments[],
  above: number,
  upTo: number,
): Uint8Array | null | undefined {
  let furthest: Uint8Array | undefined;
  for (const fragments of lists) {
    const fragment = fragments[fragmentAt(fragments, key)];
    if (fragment === undefined) continue;
    const { upper, sequences } = fragment;
    if (!sequences.some((sequence) => sequence > above && sequence <= upTo)) continue;
    if (upper === null) return null;
    if (furthest === undefined || compareBytes(upper, furthest) > 0) furthest = upper;
  }
  return furthest;
}
