/**
 * Plans leveled compaction.
 *
 * 1. L0 has its trigger: all idle runs from the oldest up, with every table of the base level that they overlap
 *    (bounds inclusive), go into the base level. If that level is busy, the newest runs are merged among themselves.
 * 2. Each row above its target gives its best table (pick-tables.ts), with all that it overlaps, to the next row,
 *    and as many tables as fit within the same borders; several at a time, until it would be within its target.
 *    What overlaps nothing is moved without being read.
 * 3. Nothing else to do: tombstones that hide nothing are written out of the oldest run.
 */
import {
  areDisjoint,
  elideTombstones,
  hasOlder,
  hasTombstones,
  hullOf,
  overlapping,
  type PlanDraft,
  pickTables,
  rangeContains,
  type TableCandidate,
  totalBytes,
} from '@lsm/compaction';
import type { OutputShape, RunInfo, TableInfo, TreeSnapshot } from '@lsm/core';
import { type LeveledState, withCursor } from './leveled-state.ts';
import type { LeveledTree, Row } from './leveled-tree.ts';
import type { LeveledSettings } from './settings.ts';

/** Bytes of the level after the next that one table may overlap, as a multiple of its target size. */
const OVERLAP_TABLES_MAX = 10;

/** Fills a draft; returns the state after it. */
export function planLeveled(
  snapshot: TreeSnapshot,
  tree: LeveledTree,
  settings: LeveledSettings,
  state: LeveledState,
  draft: PlanDraft,
): LeveledState {
  const isLevel0Waiting = !planLevel0(snapshot, tree, settings, draft);
  let next = state;
  const urgent = tree.rows
    .filter((row) => row.score >= 1)
    .toSorted((a, b) => b.score - a.score || a.run.level - b.run.level);
  for (const row of urgent) {
    // Else the base level could be kept so busy that L0 never gets at it.
    if (isLevel0Waiting && row.run === tree.base.next) continue;
    next = drain(snapshot, row, settings, next, draft);
  }
  if (draft.tasks.length === 0) elideTombstones(snapshot, draft);
  return next;
}

/** Whether L0 is served, or needs nothing. */
function planLevel0(
  snapshot: TreeSnapshot,
  tree: LeveledTree,
  settings: LeveledSettings,
  draft: PlanDraft,
): boolean {
  const { level0, base } = tree;
  if (level0.length < settings.level0Runs) return true;
  const score = level0.length / settings.level0Runs;
  const idle: RunInfo[] = [];
  for (const run of level0.toReversed()) {
    if (draft.hasBusy(run)) break;
    idle.push(run);
  }
  const isRunning = idle.length === 0;
  if (!isRunning) {
    const tables = idle.flatMap((run) => run.tables);
    const overlap = base.next === null ? [] : overlapping(base.next.tables, hullOf(tables));
    const moves = areDisjoint([...tables, ...overlap]) && !wouldElide(tables, base.older);
    const inputs = (moves ? tables : [...tables, ...overlap]).map((table) => table.id);
    const task = { inputs, to: base.to, reason: 'L0', score };
    const isTaken = moves
      ? draft.add({ kind: 'move', ...task })
      : draft.add({ kind: 'merge', ...task, shape: shapeFor(snapshot, base.older) });
    if (isTaken) return true;
  }
  mergeWithinLevel0(snapshot, level0, settings, draft, score);
  return isRunning;
}

/** Merges the newest runs of L0 into one, without reading large ones again and again. */
function mergeWithinLevel0(
  snapshot: TreeSnapshot,
  level0: readonly RunInfo[],
  settings: LeveledSettings,
  draft: PlanDraft,
  score: number,
): void {
  const picked: RunInfo[] = [];
  let bytes = 2 * snapshot.flushBytes;
  for (const run of level0) {
    if (draft.hasBusy(run) || run.bytes > bytes) break;
    picked.push(run);
    bytes = Math.max(bytes, totalBytes(picked));
  }
  if (picked.length < Math.max(2, settings.level0Runs)) return;
  const rows = snapshot.runs;
  const before = rows[rows.indexOf(picked.at(-1)!) + 1]?.id ?? null;
  draft.add({
    kind: 'merge',
    inputs: picked.flatMap((run) => run.tables.map((table) => table.id)),
    to: { newRun: { level: 0, before } },
    shape: { tableBytes: snapshot.limits.tableBytes },
    reason: 'L0 while the base level is busy',
    score,
  });
}

/** Gives tables of a row to the next one until the row is within its target. */
function drain(
  snapshot: TreeSnapshot,
  row: Row,
  settings: LeveledSettings,
  state: LeveledState,
  draft: PlanDraft,
): LeveledState {
  const idle = row.run.tables.filter((table) => !draft.isBusy(table.id));
  let excess = totalBytes(idle) - row.targetBytes;
  if (excess <= 0 || draft.room === 0) return state;
  const target = row.next?.tables ?? [];
  const after = state.after(row.run.level);
  let next = state;
  let isRunMade = false;
  for (const candidate of pickTables(idle, target, settings.picker, after)) {
    if (draft.room === 0 || excess <= 0) break;
    if (draft.isBusy(candidate.table.id) || (isRunMade && row.next === null)) continue;
    const moved = giveDown(snapshot, row, idle, candidate, draft);
    if (moved === 0) continue;
    excess -= moved;
    isRunMade = true;
    next = withCursor(next, row.run.level, candidate.table);
  }
  return next;
}

/** Adds the task for one candidate; returns the bytes that leave the row, 0 if the draft refused. */
function giveDown(
  snapshot: TreeSnapshot,
  row: Row,
  idle: readonly TableInfo[],
  { table, overlap, overlapBytes }: TableCandidate,
  draft: PlanDraft,
): number {
  const { to, older, score } = row;
  const reason = `L${row.run.level} above its target`;
  if (overlap.length === 0 && !wouldElide([table], older)) {
    const task = { kind: 'move' as const, inputs: [table.id], to, reason, score };
    return draft.add(task) ? table.bytes : 0;
  }
  let picked: readonly TableInfo[] = [table];
  const hull = hullOf([table, ...overlap]);
  const within = idle.filter((other) => !draft.isBusy(other.id) && rangeContains(hull, other));
  if (totalBytes(within) + overlapBytes <= snapshot.limits.maxTaskBytes) picked = within;
  const task = {
    kind: 'merge' as const,
    inputs: [...picked, ...overlap].map((input) => input.id),
    to,
    shape: shapeFor(snapshot, older),
    reason,
    score,
  };
  return draft.add(task) ? totalBytes(picked) : 0;
}

/** Whether a merge would drop tombstones of these tables that a move would carry on. */
function wouldElide(tables: readonly TableInfo[], older: readonly RunInfo[]): boolean {
  return tables.some((table) => hasTombstones(table) && !hasOlder(table, older));
}

/** Outputs end where tables of the next older run end. */
function shapeFor(snapshot: TreeSnapshot, older: readonly RunInfo[]): OutputShape {
  const { tableBytes } = snapshot.limits;
  const near = older.find((run) => run.tables.length > 0);
  if (near === undefined) return { tableBytes };
  return { tableBytes, cutNear: near.id, maxOverlapBytes: OVERLAP_TABLES_MAX * tableBytes };
}
