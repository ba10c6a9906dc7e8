/**
 * Plans leveled compaction.
 *
 * 1. L0 has its trigger: it goes into the base level, as a whole or in pieces (level0-plan.ts).
 * 2. Each row above its target gives its best table (pick-tables.ts), with all that it overlaps, to the next row,
 *    and as many tables as fit within the same borders; several at a time, until it would be within its target.
 *    Rows that are worse off than L0 go before it.
 *    What overlaps nothing is moved without being read, all at once; a table that alone is too much for a task is cut
 *    apart first.
 * 3. Nothing else to do: tombstones that hide nothing are written out of the oldest run.
 */
import {
  aimedTaskBytes,
  elideTombstones,
  hullOf,
  overlapBounds,
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
import { cutWide, shapeFor, wouldElide } from './leveled-tasks.ts';
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
  if (moveFree(row, idle, excess, draft)) return state;
  const target = row.next?.tables ?? [];
  const after = state.after(row.run.level);
  const filter = {
    isBusy: (table: TableId) => draft.isBusy(table),
    wideBytes: snapshot.limits.maxTaskBytes,
  };
  let next = state;
  let isRunMade = false;
  for (const candidate of pickTables(idle, target, settings.picker, after, filter)) {
    if (draft.room === 0 || excess <= 0) break;
    if (draft.isBusy(candidate.table.id) || (isRunMade && row.next === null)) continue;
    const given = giveDown(snapshot, row, idle, candidate, draft);
    if (given === 0) continue;
    excess -= given;
    isRunMade = true;
    next = withCursor(next, row.run.level, candidate.table);
  }
  return next;
}

/**
 * Moves what overlaps nothing below, up to `excess` bytes, together: each task costs a record in the manifest, and a
 * switch can have hundreds of such tables. Tells whether there was any.
 */
function moveFree(row: Row, idle: readonly TableInfo[], excess: number, draft: PlanDraft): boolean {
  const below = row.next?.tables ?? [];
  const free: TableInfo[] = [];
  let bytes = 0;
  for (const table of idle) {
    if (bytes >= excess) break;
    const [start, end] = overlapBounds(below, table);
    if (start < end || wouldElide([table], row.older)) continue;
    free.push(table);
    bytes += table.bytes;
  }
  if (free.length === 0) return false;
  if (draft.add(moveOf(row, free))) return true;
  // Some may lie in a gap that a running task is about to fill.
  const apart = free.filter((table) => draft.wouldTake(moveOf(row, [table])));
  return apart.length > 0 && draft.add(moveOf(row, apart));
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
  // It waits for its move.
  if (overlap.length === 0 && !wouldElide([table], older)) return 0;
  if (row.next !== null && cutWide(snapshot, table, row.next, score, draft)) return table.bytes;
  let picked: readonly TableInfo[] = [table];
  const hull = hullOf([table, ...overlap]);
  const within = overlapping(idle, hull).filter(
    (other) => !draft.isBusy(other.id) && rangeContains(hull, other),
  );
  if (totalBytes(within) + overlapBytes <= aimedTaskBytes(snapshot.limits)) picked = within;
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
