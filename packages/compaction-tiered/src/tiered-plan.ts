/**
 * Plans tiered compaction. Every merge takes whole neighbouring runs: contiguous in time, or old data would jump
 * over new.
 *
 * 1. The tree takes more than `maxSpaceAmplification` times its oldest run: all runs are merged into one.
 * 2. A tier has `minMergeWidth` runs: they are merged into one run, newest tier first.
 * 3. The tree has more than `maxRuns` runs: of the windows that remove as many as are too many, or more, the one that
 *    costs least for each run it removes is merged.
 * 4. A run whose tag is no longer that of its size is moved, unread, to the tag that is.
 * 5. Nothing else to do: tombstones that hide nothing are written out of the oldest run.
 *
 * Runs that don't overlap are moved together without being read. A merge of more than `aimedTaskBytes` is done
 * piece by piece, into the oldest of its runs (`drainByPartitions` of `@lsm/compaction`): all runs are cut at the same
 * keys, those where groups of tables of the oldest run of the tree end. So no task grows with the tree, and disk
 * space is needed for some tables more, not for everything twice.
 */
import {
  aimedTaskBytes,
  areDisjoint,
  drainByPartitions,
  elideTombstones,
  groupBytes,
  hasTombstones,
  type PlanDraft,
} from '@lsm/compaction';
import type { OutputShape, RunInfo, TreeSnapshot } from '@lsm/core';
import type { TieredSettings } from './settings.ts';
import { isPiecemeal, ownTier, retags, type Tier } from './tiers.ts';

/** Fills a draft. */
export function planTiered(
  snapshot: TreeSnapshot,
  tiers: readonly Tier[],
  settings: TieredSettings,
  draft: PlanDraft,
): void {
  const runs = tiers.flatMap((tier) => tier.runs);
  const score = pressureOf(tiers, settings);
  const isInPieces = isPiecemeal(snapshot);
  if (
    exceedsSpace(runs, settings.maxSpaceAmplification) &&
    (isInPieces || !draft.hasBusy(runs.at(-1)!))
  ) {
    mergeRuns(snapshot, runs, settings, draft, 'space amplification', score);
    // If a newer run is busy, waiting for it beats starting more: else that moment might never come.
    if (draft.tasks.length === 0 && snapshot.inProgress.length > 0) return;
  }
  mergeFullTiers(snapshot, tiers, settings, draft, score);
  const surplus = runs.length - settings.maxRuns;
  if (surplus > 0 && draft.tasks.length === 0 && snapshot.inProgress.length === 0) {
    const window = cheapestWindow(runs, surplus + 1, settings);
    mergeRuns(snapshot, window, settings, draft, 'too many runs', score);
  }
  if (isInPieces && draft.tasks.length === 0) retag(snapshot, settings, draft);
  if (draft.tasks.length === 0) elideTombstones(snapshot, draft);
}

function mergeFullTiers(
  snapshot: TreeSnapshot,
  tiers: readonly Tier[],
  settings: TieredSettings,
  draft: PlanDraft,
  score: number,
): void {
  const isInPieces = isPiecemeal(snapshot);
  for (const { tier, runs: members } of tiers) {
    const isLarge = isInPieces && bytesOf(members) > aimedTaskBytes(snapshot.limits);
    const windows = isLarge ? [members] : idleWindows(members, draft);
    for (const window of windows) {
      if (window.length < settings.minMergeWidth) continue;
      // The oldest of the tier first: they have waited longest.
      const picked = window.slice(-settings.maxMergeWidth);
      mergeRuns(snapshot, picked, settings, draft, `tier ${tier} is full`, score);
    }
  }
}

/** Moves one run to the tag of its size; the next plan sees to the others. */
function retag(snapshot: TreeSnapshot, settings: TieredSettings, draft: PlanDraft): void {
  for (const { run, level } of retags(snapshot, settings.ratio)) {
    if (draft.hasBusy(run)) continue;
    const before = snapshot.runs[snapshot.runs.indexOf(run) + 1]?.id ?? null;
    const isTaken = draft.add({
      kind: 'move',
      inputs: run.tables.map((table) => table.id),
      to: { newRun: { level, before } },
      reason: 'tag of its size',
      score: 0.5,
    });
    if (isTaken) return;
  }
}

function bytesOf(runs: readonly RunInfo[]): number {
  let bytes = 0;
  for (const run of runs) bytes += run.bytes;
  return bytes;
}

/** Whether the tree is too large for its oldest run. */
export function exceedsSpace(runs: readonly RunInfo[], maxSpaceAmplification: number): boolean {
  if (runs.length < 2) return false;
  let bytes = 0;
  for (const run of runs) bytes += run.bytes;
  return bytes > runs.at(-1)!.bytes * maxSpaceAmplification;
}

/** 1 where the first tier is full or the runs are as many as allowed. */
export function pressureOf(tiers: readonly Tier[], settings: TieredSettings): number {
  let pressure = 0;
  let count = 0;
  for (const { runs } of tiers) {
    count += runs.length;
    pressure = Math.max(pressure, runs.length / settings.minMergeWidth);
  }
  return Math.max(pressure, count / (settings.maxRuns + 1));
}

/** Maximal stretches of idle runs. */
function idleWindows(runs: readonly RunInfo[], draft: PlanDraft): RunInfo[][] {
  const windows: RunInfo[][] = [[]];
  for (const run of runs) {
    if (draft.hasBusy(run)) windows.push([]);
    else windows.at(-1)!.push(run);
  }
  return windows;
}

/** The neighbours whose merge costs least for each run that it removes; `least` or more. */
function cheapestWindow(
  runs: readonly RunInfo[],
  least: number,
  { maxMergeWidth }: TieredSettings,
): readonly RunInfo[] {
  const widest = Math.min(maxMergeWidth, runs.length);
  const narrowest = Math.min(least, widest);
  let best: [start: number, end: number] = [0, 0];
  let bestCost = Number.POSITIVE_INFINITY;
  for (let start = 0; start < runs.length; start++) {
    let bytes = 0;
    for (let width = 1; width <= widest && start + width <= runs.length; width++) {
      bytes += runs[start + width - 1]!.bytes;
      const cost = bytes / (width - 1);
      if (width < narrowest || cost >= bestCost) continue;
      best = [start, start + width];
      bestCost = cost;
    }
  }
  return runs.slice(...best);
}

function mergeRuns(
  snapshot: TreeSnapshot,
  picked: readonly RunInfo[],
  settings: TieredSettings,
  draft: PlanDraft,
  reason: string,
  score: number,
): void {
  if (picked.length < 2 || draft.room === 0) return;
  const rows = snapshot.runs;
  const oldest = picked.at(-1)!;
  const next = rows[rows.indexOf(oldest) + 1];
  const bytes = bytesOf(picked);
  if (bytes > aimedTaskBytes(snapshot.limits) && isPiecemeal(snapshot)) {
    drainByPartitions(
      snapshot,
      {
        upper: picked.slice(0, -1),
        maxRuns: 0,
        isHeavy: true,
        target: oldest,
        to: { into: oldest.id },
        older: rows.slice(rows.indexOf(oldest) + 1),
        shape: shapeFor(snapshot, oldest),
        reason,
        score,
      },
      draft,
    );
    return;
  }
  const tables = picked.flatMap((run) => run.tables);
  // A tag may not be below that of a newer run nor above that of an older one.
  const level = Math.min(
    Math.max(oldest.level, ownTier(bytes, snapshot.flushBytes, settings.ratio)),
    next?.level ?? Number.POSITIVE_INFINITY,
  );
  const task = {
    inputs: tables.map((table) => table.id),
    to: { newRun: { level, before: next?.id ?? null } },
    reason,
    score,
  };
  const isOldest = !rows.slice(rows.indexOf(oldest) + 1).some((run) => run.tables.length > 0);
  const isMove = areDisjoint(tables) && !(isOldest && tables.some(hasTombstones));
  if (isMove) draft.add({ kind: 'move', ...task });
  else draft.add({ kind: 'merge', ...task, shape: shapeFor(snapshot, oldest) });
}

/** Outputs are cut at the borders of the oldest run, once the tree is so large that merges are done in pieces. */
function shapeFor(snapshot: TreeSnapshot, target: RunInfo): OutputShape {
  const { tableBytes } = snapshot.limits;
  const last = snapshot.runs.findLast((run) => run.tables.length > 0);
  if (!isPiecemeal(snapshot) || last === undefined || last === target) return { tableBytes };
  return { tableBytes, cutNear: last.id, maxOverlapBytes: groupBytes(snapshot.limits) };
}
