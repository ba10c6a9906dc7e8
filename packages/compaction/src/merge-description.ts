/**
 * Turns an admitted merge or rewrite into what an executor needs: sources, older runs, cuts. Plain data.
 *
 * Made when the task starts. Admission rule A4 keeps it true until the task ends, whatever else is committed.
 */
import { assert, type TableId } from '@lsm/core';
import type { RunView, TableView } from './admission.ts';
import { hullOf, type KeyRange, overlapping } from './key-range.ts';
import type { CutShape } from './output-cutter.ts';
import type { AdmittedTask } from './task-ledger.ts';

/** What a merge reads, and how it may drop and cut. */
export interface MergeDescription<T extends TableView> {
  /** Inputs by run, newest run first, tables in key order. */
  readonly sources: readonly (readonly T[])[];
  /** For each older run: its tables within the hull that are no inputs, in key order; runs without are left out. */
  readonly olderRuns: readonly (readonly KeyRange[])[];
  readonly shape: CutShape;
  /** Range of all inputs; outputs stay within it. */
  readonly hull: KeyRange;
  /** Whether no older run has tables beside the inputs. */
  readonly isOldest: boolean;
}

/**
 * Describes a merge.
 *
 * @param rows - the tree with its reserved runs, newest first, as {@link TaskLedger.view} gives it
 * @param admitted - a running task of kind merge or rewrite
 */
export function describeMerge<T extends TableView>(
  rows: readonly RunView<T>[],
  admitted: AdmittedTask,
): MergeDescription<T> {
  const { task } = admitted;
  assert(task.kind === 'merge' || task.kind === 'rewrite', 'Only merges can be described.');
  const inputs = new Set<TableId>(task.inputs);
  const sources = rows
    .map((run) => run.tables.filter((table) => inputs.has(table.id)))
    .filter((tables) => tables.length > 0);
  const hull = hullOf(sources.flat());
  const older = rows
    .slice(rows.findIndex((run) => run.id === admitted.target) + 1)
    .map((run) => run.tables.filter((table) => !inputs.has(table.id)));
  const near = rows.find((run) => run.id === task.shape.cutNear)?.tables ?? [];
  return {
    sources,
    olderRuns: older.map((tables) => overlapping(tables, hull)).filter((run) => run.length > 0),
    shape: {
      tableBytes: task.shape.tableBytes,
      cutNear: near.map(({ maxKey, bytes }) => ({ maxKey, bytes })),
      maxOverlapBytes: task.shape.maxOverlapBytes ?? 0,
      cutKeys: task.shape.cutKeys ?? [],
    },
    hull,
    isOldest: older.every((tables) => tables.length === 0),
  };
}
