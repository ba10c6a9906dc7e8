/**
 * Plans unified compaction.
 *
 * 1. A level (density-levels.ts) in which as many runs as its threshold overlap is merged into one run, newest level
 *    first. The result is denser, and so belongs to the same level or to the next one.
 * 2. If the runs don't fit into one task, they are merged in pieces, each appended to the run that the first one made:
 *    all runs are cut at the same keys, those of the shards.
 * 3. Nothing else to do: tombstones that hide nothing are written out of the oldest run.
 */
import {
  aimedTaskBytes,
  areDisjoint,
  canAppend,
  drainByPartitions,
  elideTombstones,
  groupBytes,
  hasTombstones,
  overlapGroups,
  type PlanDraft,
} from '@lsm/compaction';
import {
  keySuccessor,
  type OutputShape,
  type Placement,
  type RunInfo,
  type TreeSnapshot,
} from '@lsm/core';
import { type DensityLevel, largestRun } from './density-levels.ts';
import { shardCount } from './scaling.ts';
import type { UnifiedSettings } from './settings.ts';

/** Fills a draft. */
export function planUnified(
  snapshot: TreeSnapshot,
  levels: readonly DensityLevel[],
  settings: UnifiedSettings,
  draft: PlanDraft,
): void {
  for (const level of levels) {
    if (level.runs.length < level.threshold || draft.room === 0) continue;
    if (level.bytes > aimedTaskBytes(snapshot.limits))
      mergeInPieces(snapshot, level, settings, draft);
    else mergeLevel(snapshot, level, settings, draft);
  }
  if (draft.tasks.length === 0) elideTombstones(snapshot, draft);
}

function mergeLevel(
  snapshot: TreeSnapshot,
  { level, runs, threshold, density }: DensityLevel,
  settings: UnifiedSettings,
  draft: PlanDraft,
): void {
  if (runs.some((run) => draft.hasBusy(run))) return;
  const tables = runs.flatMap((run) => run.tables);
  const to = placeAfter(snapshot, runs.at(-1)!);
  const task = {
    inputs: tables.map((table) => table.id),
    to,
    reason: `level ${level} has ${runs.length} runs`,
    score: runs.length / threshold,
  };
  const isOldest = 'newRun' in to && to.newRun.before === null;
  if (areDisjoint(tables) && !(isOldest && tables.some(hasTombstones))) {
    draft.add({ kind: 'move', ...task });
  } else {
    draft.add({ kind: 'merge', ...task, shape: shapeFor(snapshot, runs, density, settings) });
  }
}

function mergeInPieces(
  snapshot: TreeSnapshot,
  { level, runs, threshold, density }: DensityLevel,
  settings: UnifiedSettings,
  draft: PlanDraft,
): void {
  const row = snapshot.runs.indexOf(runs.at(-1)!);
  const next = snapshot.runs[row + 1];
  const isBegun = next !== undefined && next.level > 0 && canAppend(runs, threshold - 1, next);
  drainByPartitions(
    snapshot,
    {
      upper: runs,
      maxRuns: threshold - 1,
      isHeavy: false,
      target: isBegun ? next : null,
      to: isBegun ? { into: next.id } : placeAfter(snapshot, runs.at(-1)!),
      older: snapshot.runs.slice(isBegun ? row + 2 : row + 1),
      isAppending: true,
      shape: shapeFor(snapshot, runs, density, settings),
      reason: `level ${level} has ${runs.length} runs, in pieces`,
      score: runs.length / threshold,
    },
    draft,
  );
}

/** A new run directly older than `run`. Tags say nothing here; they only have to be in order. */
function placeAfter(snapshot: TreeSnapshot, run: RunInfo): Placement {
  const next = snapshot.runs[snapshot.runs.indexOf(run) + 1];
  const level = Math.min(Math.max(1, run.level), next?.level ?? Number.POSITIVE_INFINITY);
  return { newRun: { level, before: next?.id ?? null } };
}

/** Tables of the size that the number of shards gives, cut at borders of the largest run. */
function shapeFor(
  snapshot: TreeSnapshot,
  runs: readonly RunInfo[],
  density: number,
  { baseShards, growth }: UnifiedSettings,
): OutputShape {
  const { tableBytes: targetBytes, maxTaskBytes } = snapshot.limits;
  const largest = largestRun(snapshot)!;
  const shards = shardCount(density, {
    targetBytes,
    baseShards,
    growth,
    minBytes: targetBytes / 2,
  });
  const tableBytes = Math.min(
    aimedTaskBytes(snapshot.limits) / 2,
    Math.max(targetBytes / 2, density / shards),
  );
  // Without a limit of tasks, or a run to align to, size alone decides.
  if (!Number.isFinite(maxTaskBytes) || runs.includes(largest)) return { tableBytes };
  const group = Math.max(groupBytes(snapshot.limits), largest.bytes / shards);
  return { tableBytes, cutNear: largest.id, maxOverlapBytes: group };
}

/**
 * Where flushes should be cut: at the borders of the shards of the largest run, once that is too large for one task. So
 * even the newest runs can be merged in pieces.
 */
export function flushSplitKeys(snapshot: TreeSnapshot): readonly Uint8Array[] {
  const { tableBytes } = snapshot.limits;
  const largest = largestRun(snapshot);
  if (largest === null || largest.bytes <= aimedTaskBytes(snapshot.limits)) return [];
  const tables = Math.max(1, Math.floor(snapshot.flushBytes / (tableBytes / 2)));
  const groups = overlapGroups(
    largest.tables,
    Math.max(groupBytes(snapshot.limits), largest.bytes / tables),
  );
  return groups.slice(0, -1).flatMap((group) => keySuccessor(group.at(-1)!.maxKey!) ?? []);
}
