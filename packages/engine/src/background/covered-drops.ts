/** Tasks that drop the tables which range deletes hide wholly; the rules are in covered-tables.ts of @lsm/compaction. */
import { coveredTables, type TaskLedger } from '@lsm/compaction';
import { type CompactionTask, LsmError, type RangeTombstoneFragment } from '@lsm/core';
import type { SnapshotList } from '../snapshot.ts';
import type { TableFile } from '../tree/table-file.ts';
import type { Tree } from '../tree/tree.ts';

/** Looks for such tables in one tree. */
export class CoveredDrops {
  readonly #tree: Tree;
  readonly #snapshots: SnapshotList;
  /** `tree.changes` at the opening: nothing is read for this before there is something new. */
  readonly #opened: number;
  /** All that the last answer "none" depends on. */
  #none = '';

  constructor({ tree, snapshots }: { readonly tree: Tree; readonly snapshots: SnapshotList }) {
    this.#tree = tree;
    this.#snapshots = snapshots;
    this.#opened = tree.changes;
  }

  /** What can go now; `null`: nothing. O(1) if nothing changed since that was last said. */
  next(ledger: TaskLedger): CompactionTask | null {
    const tree = this.#tree;
    const { version, changes } = tree;
    if (changes === this.#opened) return null;
    const oldestReaderSequence = this.#snapshots.oldest();
    const now = `${changes} ${oldestReaderSequence} ${ledger.running.map(({ id }) => id).join()}`;
    if (now === this.#none) return null;
    const hasRanges = version.runs.some(({ tables }) => tables.some((t) => t.rangeTombstones > 0));
    const covered = hasRanges
      ? coveredTables(version.runs, {
          oldestReaderSequence,
          isBusy: (table) => ledger.busyBy(table) !== null,
          fragments: ({ id }) => fragmentsOf(tree.file(id)),
        })
      : [];
    if (covered.length === 0) {
      this.#none = now;
      return null;
    }
    const inputs = covered.map(({ id }) => id);
    return { kind: 'drop', inputs, reason: 'deleted by ranges', score: 1 };
  }
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
