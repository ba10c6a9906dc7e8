/** What an admitted merge is for the executor: plain data on its inputs, its outputs and what is older. */
import type { AdmittedTask, RunView } from '@lsm/compaction';
import type { Clock, FilterAllocator } from '@lsm/core';
import type { TableMetadata } from '@lsm/manifest';
import { type MergeJob, rangesOf } from '../jobs/jobs.ts';
import type { Settings } from '../options.ts';
import type { SnapshotList } from '../snapshot.ts';
import type { Tree } from '../tree/tree.ts';
import { outputSpec } from './output-spec.ts';
import { checkedShape } from './strategy-contract.ts';

/** What the description needs of the database. */
export interface MergeHost {
  readonly tree: Tree;
  readonly settings: Settings;
  readonly filter: FilterAllocator;
  readonly snapshots: SnapshotList;
  readonly clock: Clock;
}

/**
 * Describes an admitted merge or rewrite for the executor.
 *
 * @param rows - the tree with its reserved runs, newest first
 * @param isPiece - whether it is a part of a compaction that leaves one run: the filters get what they will have then
 */
export function mergeJob(
  host: MergeHost,
  rows: readonly RunView<TableMetadata>[],
  task: AdmittedTask,
  isPiece: boolean,
): MergeJob {
  const { tree, settings, filter, snapshots, clock } = host;
  const selected = new Set(task.inputs);
  const inputs = rows
    .map((run) => run.tables.filter((table) => selected.has(table.id)))
    .filter((tables) => tables.length > 0);
  const target = rows.findIndex((run) => run.id === task.target);
  const olderRuns = rows
    .slice(target + 1)
    .map((run) => rangesOf(run.tables.filter((table) => !selected.has(table.id))))
    .filter((tables) => tables.length > 0);
  const shape = checkedShape(task.task, settings.tableBytes);
  const near = rows.find((run) => run.id === shape.cutNear);
  const flat = inputs.flat();
  const staying = rows[target]!.tables.filter((table) => !selected.has(table.id));
  const joined = isPiece ? rows.flatMap((run) => run.tables) : [...flat, ...staying];
  const output = outputSpec(tree, settings, filter, {
    level: task.level,
    entries: joined.reduce((sum, table) => sum + table.entries, 0),
    bytes: task.inputBytes,
    isOldest: olderRuns.length === 0,
    replaced: rows
      .filter(
        ({ id, tables }) =>
          isPiece || id === task.target || tables.every((table) => selected.has(table.id)),
      )
      .map((run) => run.id),
    cuts: (shape.maxOverlapBytes ?? 0) > 0 ? (near?.tables.length ?? 0) : 0,
    createdAt: clock.now(),
  });
  return {
    kind: 'merge',
    inputs,
    output: { ...output, tableBytes: shape.tableBytes },
    snapshots: snapshots.sequences(),
    olderRuns,
    cutNear: (near?.tables ?? []).map(({ maxKey, bytes }) => ({ maxKey, bytes })),
    maxOverlapBytes: shape.maxOverlapBytes ?? 0,
    cutKeys: shape.cutKeys ?? [],
  };
}
