/**
 * Tombstones that hide nothing any more: found in tables, and written out of them.
 *
 * A merge into the oldest run drops its tombstones by itself (D2, D3), but a snapshot may have held them then, or a
 * table may have got there by a move. Such a table is rewritten where it is once no snapshot is below its newest
 * write: then everything in it that can go, goes, and it never comes back here.
 */
import type { RunInfo, TableInfo, TreeSnapshot } from '@lsm/core';
import { overlapBounds } from './key-range.ts';
import type { PlanDraft } from './plan-draft.ts';

/** Whether a table has tombstones. */
export function hasTombstones(table: TableInfo): boolean {
  return table.pointTombstones > 0 || table.rangeTombstones > 0;
}

/** Whether a run of `older` has a table that overlaps the given one. */
export function hasOlder(table: TableInfo, older: readonly RunInfo[]): boolean {
  return older.some((run) => {
    const [start, end] = overlapBounds(run.tables, table);
    return start < end;
  });
}

/**
 * Adds a rewrite of each table of the oldest run whose tombstones can go now.
 *
 * @param snapshot - the tree
 * @param draft - takes the tasks while it has room
 */
export function elideTombstones(snapshot: TreeSnapshot, draft: PlanDraft): void {
  const oldest = snapshot.runs.findLast((run) => run.tables.length > 0);
  for (const table of oldest?.tables ?? []) {
    if (draft.room === 0) return;
    if (!hasTombstones(table) || table.maxSequence > snapshot.oldestReaderSequence) continue;
    draft.add({
      kind: 'rewrite',
      inputs: [table.id],
      shape: { tableBytes: snapshot.limits.tableBytes },
      reason: 'tombstones that hide nothing',
      score: 0.5,
    });
  }
}
