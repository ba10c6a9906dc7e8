/** The task that drops the tables which range deletes hide wholly; the rules are in covered-tables.ts of @lsm/compaction. */
import { coveredTables } from '@lsm/compaction';
import { type CompactionTask, LsmError, type RangeTombstoneFragment } from '@lsm/core';
import type { SnapshotList } from '../snapshot.ts';
import type { TableFile } from '../tree/table-file.ts';
import type { Tree } from '../tree/tree.ts';

/**
 * Looks for such tables; `null` if there are none.
 *
 * @param isBusy - whether a running task has a table
 */
export function dropOfCovered(
  { tree, snapshots }: { readonly tree: Tree; readonly snapshots: SnapshotList },
  isBusy: (table: number) => boolean,
): CompactionTask | null {
  const { version } = tree;
  const hasRanges = version.runs.some(({ tables }) => tables.some((t) => t.rangeTombstones > 0));
  if (!hasRanges) return null;
  const covered = coveredTables(version.runs, {
    oldestReaderSequence: snapshots.oldest(),
    isBusy,
    fragments: ({ id }) => fragmentsOf(tree.file(id)),
  });
  if (covered.length === 0) return null;
  const inputs = covered.map(({ id }) => id);
  return { kind: 'drop', inputs, reason: 'deleted by ranges', score: 1 };
}

function fragmentsOf(file: TableFile | undefined): readonly RangeTombstoneFragment[] {
  try {
    return file?.table.rangeTombstones.fragments() ?? [];
  } catch (error) {
    // Whoever reads the table is told of its damage; nothing is dropped for its sake.
    if (error instanceof LsmError) return [];
    throw error;
  }
}
