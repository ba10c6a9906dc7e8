/**
 * Plans leveled compaction.
 *
 * 1. L0 has its trigger: it goes into the base level, as a whole or in pieces (level0-plan.ts).
 * 2. Each row above its target gives its best table (pick-tables.ts), with all that it overlaps, to the next row,
 *    and as many tables as fit within the same borders; several at a time, until it would be within its target.
 *    Rows that are worse off than L0 go before it.
 *    What overlaps nothing is moved without being read, all at once; a table that alone is too much for a task is cut apart first.
 * 3. Nothing else to do: tombstones that hide nothing are written out of the oldest run.
 */
import {
  elideTombstones,
  hullOf,
  overlapping,
  type PlanDraft,
  pickTables,
  rangeContains,
  type TableCandidate,
  totalBytes,
} from '@lsm/compaction';
import type { CompactionTask, TableId, TableInfo, TreeSnapshot } from '@lsm/core';
import { planLevel0 } from './level0-plan.ts';
import { type LeveledState, withCursor } from './leveled-state.ts';
import { cutWide, shapeFor, TASK_SHARE_MAX, wouldElide } from './leveled-tasks.ts';
import type { LeveledTree, Row } from './leveled-tree.ts';
import type { LeveledSettings } from './settings.ts';

/**
 * Score from which the rows that are worse off than L0 go before it. Lower, the pieces of L0 wait for each other: 0.5 %
 * more writes in the simulator; higher, a base level that is fed faster than drained costs up to six times the writes.
 */
const BASE_FIRST = 1.25;

/** Fills a draft; returns the state after it. */
export function planLeveled(
  snapshot: TreeSnapshot,
  tree: LeveledTree,
  settings: LeveledSettings,
  state: LeveledState,
  draft: PlanDraft,
): LeveledState {
  const level0Score = tree.level0.length / settings.level0Runs;
  const urgent = tree.rows
    .filter((row) => row.score >= 1)
    .toSorted((a, b) => b.score - a.score || a.run.level - b.run.level);
  let next = state;
  // Else L0 would be merged into a base level that grows and grows, at a price that grows with it.
  const before = urgent.filter((row) => row.score > Math.max(BASE_FIRST, level0Score));
  for (const row of before) next = drain(snapshot, row, settings, next, draft);
  const isLevel0Waiting = !planLevel0(snapshot, tree, settings, draft);
  for (const row of urgent.slice(before.length)) {
    // Else the base level could be kept so busy that L0 never gets at it.
    if (isLevel0Waiting && row.run === tree.base.next) continue;
    next = drain(snapshot, row, settings, next, draft);
  }
  if (draft.tasks.length === 0) elideTombstones(snapshot, draft);
  return next;
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
  let free: TableInfo[] = [];
  let freeBytes = 0;
  // Together, as each task costs a record in the manifest, and a switch can have hundreds of these.
  const moveFree = (): boolean => {
    const moved = movable(row, free, draft);
    free = [];
    freeBytes = 0;
    if (moved.length === 0 || !draft.add(moveOf(row, moved))) return false;
    next = withCursor(next, row.run.level, moved.at(-1)!);
    return true;
  };
  const filter = {
    isBusy: (table: TableId) => draft.isBusy(table),
    wideBytes: TASK_SHARE_MAX * snapshot.limits.maxTaskBytes,
  };
  for (const candidate of pickTables(idle, target, settings.picker, after, filter)) {
    const { table, overlap } = candidate;
    if (draft.room === 0 || excess <= freeBytes) break;
    if (draft.isBusy(table.id) || (isRunMade && row.next === null)) continue;
    if (overlap.length === 0 && !wouldElide([table], row.older)) {
      free.push(table);
      freeBytes += table.bytes;
      continue;
    }
    if (free.length > 0 && moveFree()) return next;
    const moved = giveDown(snapshot, row, idle, candidate, draft);
    if (moved === 0) continue;
    excess -= moved;
    isRunMade = true;
    next = withCursor(next, row.run.level, table);
  }
  if (free.length > 0) moveFree();
  return next;
}

/** Those of some free tables that can be moved now: others may lie in a gap that a running task is about to fill. */
function movable(row: Row, tables: readonly TableInfo[], draft: PlanDraft): readonly TableInfo[] {
  if (draft.wouldTake(moveOf(row, tables))) return tables;
  return tables.filter((table) => draft.wouldTake(moveOf(row, [table])));
}

function moveOf({ run, to, score }: Row, tables: readonly TableInfo[]): CompactionTask {
  const inputs = tables.map((table) => table.id);
  return { kind: 'move', inputs, to, reason: `L${run.level} above its target`, score };
}

/** Adds the merge for one candidate; returns the bytes that leave the row, 0 if the draft refused. */
function giveDown(
  snapshot: TreeSnapshot,
  row: Row,
  idle: readonly TableInfo[],
  { table, overlap, overlapBytes }: TableCandidate,
  draft: PlanDraft,
): number {
  const { to, older, score } = row;
  const reason = `L${row.run.level} above its target`;
  if (row.next !== null && cutWide(snapshot, table, row.next, score, draft)) return table.bytes;
  let picked: readonly TableInfo[] = [table];
  const hull = hullOf([table, ...overlap]);
  const within = overlapping(idle, hull).filter(
    (other) => !draft.isBusy(other.id) && rangeContains(hull, other),
  );
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
