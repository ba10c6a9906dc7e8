/** Decides how the outputs of a flush or merge are written: numbers, codec, point index. */
import { type FilterAllocator, perLevel } from '@lsm/core';
import type { OutputSpec } from '../jobs/jobs.ts';
import { type Compression, combinedIndexShare, type Settings } from '../options.ts';
import type { Tree } from '../tree/tree.ts';

/** Outputs that as many bytes of inputs as one table has can make. */
const OUTPUTS_PER_TABLE = 512;

/** What is about to be written. */
export interface OutputPlan {
  readonly level: number;
  /** Upper bound of the run's entries once the outputs have joined it. */
  readonly entries: number;
  /** Upper bound of the outputs' bytes. */
  readonly bytes: number;
  /** Whether no older run will exist. */
  readonly isOldest: boolean;
  /** Runs that the outputs join or replace wholly: they count by `entries` already. */
  readonly replaced: readonly number[];
  /** Cuts that a strategy asked for beside those by size, at most; default 0. */
  readonly cuts?: number;
  readonly createdAt: number;
}

/** The output part of a job. */
export function outputSpec(
  tree: Tree,
  settings: Settings,
  filter: FilterAllocator,
  plan: OutputPlan,
): OutputSpec {
  const runs = tree.version.runs
    .filter((run) => run.tables.length > 0 && !plan.replaced.includes(run.id))
    .map(({ level, entries }) => ({ level, entries }));
  const tables = Math.ceil(plan.bytes / settings.tableBytes) + 1;
  const choice = filter.choose({
    runs,
    output: {
      level: plan.level,
      runEntries: plan.entries,
      tableEntries: Math.ceil(plan.entries / tables),
      isOldest: plan.isOldest,
    },
    budgetBits: (settings.indexBytes - combinedIndexShare(settings)) * 8,
  });
  // Cuts near borders of other runs make more, smaller tables than the bytes alone would; and what was compressed may
  // be written without (LZ4 shrinks up to 255 times). Numbers cost nothing.
  const idCount = tables * OUTPUTS_PER_TABLE + 16 + (plan.cuts ?? 0);
  return {
    directory: tree.directory,
    firstId: tree.reserveNumbers(idCount),
    idCount,
    tableBytes: settings.tableBytes,
    blockBytes: settings.blockBytes,
    compression: perLevel<Compression>(settings.compression, plan.level),
    pointIndex: choice.kind,
    bitsPerKey: choice.bitsPerKey,
    hashSeed: tree.hashSeed,
    createdAt: plan.createdAt,
  };
}
