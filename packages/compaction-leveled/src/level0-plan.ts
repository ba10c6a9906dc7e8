/**
 * Plans what becomes of L0.
 *
 * 1. L0 has its trigger: its idle runs from the oldest up, with every table of the base level that they overlap (bounds
 *    inclusive), go into the base level, if that is within what tasks aim at (`aimedTaskBytes`). What overlaps nothing
 *    is moved.
 * 2. Else they go piece by piece (`drainByPartitions`): tables of L0 that overlap each other, with what they overlap of
 *    the base level, wherever L0 is as deep as its trigger. Flushes are cut at borders of groups of the base level, so
 *    that there are such pieces. Tables that meet less go down, or to an older run of L0, unread.
 * 3. A table that alone spans more of the base level than a task may have is first cut at those borders.
 * 4. If the base level is busy, the newest runs are merged among themselves.
 */
import {
  aimedTaskBytes,
  areDisjoint,
  drainByPartitions,
  hullOf,
  overlapBounds,
  overlapping,
  type PlanDraft,
  totalBytes,
} from '@lsm/compaction';
import { type RunInfo, type TableId, type TreeSnapshot } from '@lsm/core';
import { borderKeys, cutWide, shapeFor, wouldElide } from './leveled-tasks.ts';
import type { LeveledTree } from './leveled-tree.ts';
import type { LeveledSettings } from './settings.ts';

/** Whether L0 is served, or needs nothing. */
export function planLevel0(
  snapshot: TreeSnapshot,
  tree: LeveledTree,
  settings: LeveledSettings,
  draft: PlanDraft,
): boolean {
  const { level0 } = tree;
  if (level0.length < settings.level0Runs) return true;
  const before = draft.tasks.length;
  const score = level0.length / settings.level0Runs;
  const isWhole = planWhole(snapshot, tree, score, draft);
  if (!isWhole) planPieces(snapshot, tree, settings, score, draft);
  if (draft.tasks.length > before) return true;
  mergeWithinLevel0(snapshot, tree, settings, score, draft);
  return tablesBound(snapshot, tree).forBase.size > 0;
}

/**
 * Where the next flush is cut: at the borders of the pieces in which L0 will go down; none if it can go as a whole.
 *
 * A base level that is new, or one piece, will be cut at the borders of the level below it; so those serve as well.
 */
export function splitKeys(
  snapshot: TreeSnapshot,
  { level0, base }: LeveledTree,
  settings: LeveledSettings,
): readonly Uint8Array[] {
  const waiting = Math.max(settings.level0Runs * snapshot.flushBytes, totalBytes(level0));
  if (waiting + (base.next?.bytes ?? 0) <= aimedTaskBytes(snapshot.limits)) return [];
  for (const run of base.next === null ? base.older : [base.next, ...base.older]) {
    const keys = borderKeys(snapshot, run);
    if (keys.length > 0) return keys;
  }
  return [];
}

/** Merges or moves all that is idle at once; whether that is within the limit, and so all that there is to plan. */
function planWhole(
  snapshot: TreeSnapshot,
  { level0, base }: LeveledTree,
  score: number,
  draft: PlanDraft,
): boolean {
  const idle: RunInfo[] = [];
  for (const run of level0.toReversed()) {
    if (draft.hasBusy(run)) break;
    idle.push(run);
  }
  if (idle.length === 0) return false;
  const tables = idle.flatMap((run) => run.tables);
  const overlap = base.next === null ? [] : overlapping(base.next.tables, hullOf(tables));
  const task = { to: base.to, reason: 'L0', score };
  if (areDisjoint([...tables, ...overlap]) && !wouldElide(tables, base.older)) {
    draft.add({ kind: 'move', inputs: tables.map((table) => table.id), ...task });
    return true;
  }
  if (totalBytes(tables) + totalBytes(overlap) > aimedTaskBytes(snapshot.limits)) return false;
  const inputs = [...tables, ...overlap].map((table) => table.id);
  draft.add({ kind: 'merge', inputs, ...task, shape: shapeFor(snapshot, base.older) });
  return true;
}

function planPieces(
  snapshot: TreeSnapshot,
  tree: LeveledTree,
  settings: LeveledSettings,
  score: number,
  draft: PlanDraft,
): void {
  const { base } = tree;
  const upper = runsForBase(snapshot, tree);
  if (upper.length === 0) return;
  const before = draft.tasks.length;
  if (base.next !== null) {
    for (const run of upper) {
      for (const table of run.tables) cutWide(snapshot, table, base.next, score, draft);
    }
    sinkFree(tree, upper.at(-1)!, score, draft);
  }
  // What was cut or moved changes which pieces there are.
  if (draft.tasks.length > before) return;
  const drain = {
    upper,
    maxRuns: settings.level0Runs - 1,
    isHeavy: false,
    target: base.next,
    to: base.to,
    older: base.older,
    shape: shapeFor(snapshot, base.older),
    reason: 'L0',
    score,
  };
  drainByPartitions(snapshot, drain, draft);
}

/** Moves tables of the oldest run that overlap nothing of the base level there. */
function sinkFree({ base }: LeveledTree, oldest: RunInfo, score: number, draft: PlanDraft): void {
  const free = oldest.tables.filter((table) => {
    const [start, end] = overlapBounds(base.next?.tables ?? [], table);
    return start === end && !draft.isBusy(table.id) && !wouldElide([table], base.older);
  });
  if (free.length === 0) return;
  const inputs = free.map((table) => table.id);
  draft.add({ kind: 'move', inputs, to: base.to, reason: 'L0', score });
}

/** Runs of L0, newest first, from the oldest up to the first that is being merged within L0. */
function runsForBase(snapshot: TreeSnapshot, tree: LeveledTree): readonly RunInfo[] {
  const { within } = tablesBound(snapshot, tree);
  const last = tree.level0.findLastIndex((run) => run.tables.some(({ id }) => within.has(id)));
  return tree.level0.slice(last + 1);
}

/** Inputs of running tasks that end in the base level, and of all others. */
function tablesBound(
  { inProgress }: TreeSnapshot,
  { base, level0 }: LeveledTree,
): { readonly forBase: ReadonlySet<TableId>; readonly within: ReadonlySet<TableId> } {
  const forBase = new Set<TableId>();
  const within = new Set<TableId>();
  const inLevel0 = new Set(level0.flatMap((run) => run.tables.map((table) => table.id)));
  for (const { inputs, target } of inProgress) {
    const set = target === base.next?.id ? forBase : within;
    for (const id of inputs) if (inLevel0.has(id)) set.add(id);
  }
  return { forBase, within };
}

/** Merges the newest runs of L0 into one, without reading large ones again and again. */
function mergeWithinLevel0(
  snapshot: TreeSnapshot,
  tree: LeveledTree,
  settings: LeveledSettings,
  score: number,
  draft: PlanDraft,
): void {
  const { tableBytes } = snapshot.limits;
  const aimedBytes = aimedTaskBytes(snapshot.limits);
  const picked: RunInfo[] = [];
  let pickedBytes = 0;
  let bytes = 2 * snapshot.flushBytes;
  for (const run of tree.level0) {
    if (draft.hasBusy(run) || run.bytes > bytes || pickedBytes + run.bytes > aimedBytes) break;
    picked.push(run);
    pickedBytes += run.bytes;
    bytes = Math.max(bytes, pickedBytes);
  }
  if (picked.length < Math.max(2, settings.level0Runs)) return;
  const rows = snapshot.runs;
  const before = rows[rows.indexOf(picked.at(-1)!) + 1]?.id ?? null;
  // Cut like a flush, so that it can go down in pieces.
  const cutKeys = splitKeys(snapshot, tree, settings);
  draft.add({
    kind: 'merge',
    inputs: picked.flatMap((run) => run.tables.map((table) => table.id)),
    to: { newRun: { level: 0, before } },
    shape: { tableBytes, cutKeys },
    reason: 'L0 while the base level is busy',
    score,
  });
}
