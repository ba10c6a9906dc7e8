/**
 * Plans FIFO and time-window compaction.
 *
 * 1. Tables whose newest write is too old are dropped, whole and unread; so are the oldest ones while all together take
 *    too much.
 * 2. With windows: the runs of a window that is over are merged into one, in pieces if they don't fit into a task. In
 *    the current window, runs of similar size are merged when there are enough. Nothing is merged across windows, so
 *    that a window can be dropped as a whole.
 * 3. Nothing else to do: tombstones that hide nothing are written out of the oldest run.
 */
import {
  aimedTaskBytes,
  areDisjoint,
  drainByPartitions,
  elideTombstones,
  hasTombstones,
  type PlanDraft,
} from '@lsm/compaction';
import type { RunInfo, TreeSnapshot } from '@lsm/core';
import { expiredTables, surplusTables } from './expired-tables.ts';
import type { FifoSettings } from './settings.ts';

/** Neighbouring runs whose newest writes fall into one window, newest first. */
export interface Window {
  readonly index: number;
  readonly runs: readonly RunInfo[];
}

/** Fills a draft. */
export function planFifo(snapshot: TreeSnapshot, settings: FifoSettings, draft: PlanDraft): void {
  const isBusy = (table: number): boolean => draft.isBusy(table);
  const expired = expiredTables(snapshot, settings, isBusy);
  if (expired.ids.length > 0) {
    draft.add({ kind: 'drop', inputs: expired.ids, reason: 'too old', score: 2 });
  }
  const surplus = surplusTables(snapshot, settings, isBusy);
  if (surplus.ids.length > 0) {
    draft.add({ kind: 'drop', inputs: surplus.ids, reason: 'too much', score: 2 });
  }
  const current = windowOf(snapshot.now, settings);
  for (const window of windowsOf(snapshot, settings)) {
    const runs = window.index < current ? window.runs : similarRuns(window.runs, settings);
    if (runs.length >= 2) mergeRuns(snapshot, runs, window.index < current, draft);
  }
  if (draft.tasks.length === 0) elideTombstones(snapshot, draft);
}

/** Groups of runs; none if there are no windows. */
export function windowsOf(snapshot: TreeSnapshot, settings: FifoSettings): readonly Window[] {
  if (settings.windowMs === 0) return [];
  const windows: { index: number; runs: RunInfo[] }[] = [];
  for (const run of snapshot.runs) {
    if (run.tables.length === 0) continue;
    let newestWriteAt = 0;
    for (const table of run.tables) newestWriteAt = Math.max(newestWriteAt, table.newestWriteAt);
    const index = windowOf(newestWriteAt, settings);
    const last = windows.at(-1);
    if (last?.index === index) last.runs.push(run);
    else windows.push({ index, runs: [run] });
  }
  return windows;
}

function windowOf(at: number, { windowMs }: FifoSettings): number {
  return windowMs === 0 ? 0 : Math.floor(at / windowMs);
}

/** The newest runs of a window, each at most as large as the newer ones together twice over; none if too few. */
function similarRuns(runs: readonly RunInfo[], { mergeRuns: least }: FifoSettings): RunInfo[] {
  for (let start = 0; start + least <= runs.length; start++) {
    const picked = [runs[start]!];
    let bytes = runs[start]!.bytes;
    for (const run of runs.slice(start + 1)) {
      if (run.bytes > (2 * bytes) / picked.length) break;
      picked.push(run);
      bytes += run.bytes;
    }
    if (picked.length >= least) return picked;
  }
  return [];
}

function mergeRuns(
  snapshot: TreeSnapshot,
  runs: readonly RunInfo[],
  isOver: boolean,
  draft: PlanDraft,
): void {
  const oldest = runs.at(-1)!;
  const row = snapshot.runs.indexOf(oldest);
  const tables = runs.flatMap((run) => run.tables);
  let bytes = 0;
  for (const run of runs) bytes += run.bytes;
  const reason = isOver ? 'the window is over' : 'runs of similar size';
  const score = 1;
  if (bytes > aimedTaskBytes(snapshot.limits)) {
    const older = snapshot.runs.slice(row + 1);
    const to = { into: oldest.id };
    const upper = runs.slice(0, -1);
    const drain = { upper, maxRuns: 0, isHeavy: true, target: oldest, to, older, reason, score };
    drainByPartitions(snapshot, drain, draft);
    return;
  }
  if (runs.some((run) => draft.hasBusy(run))) return;
  const next = snapshot.runs[row + 1];
  const task = {
    inputs: tables.map((table) => table.id),
    to: { newRun: { level: oldest.level, before: next?.id ?? null } },
    reason,
    score,
  };
  if (areDisjoint(tables) && !(next === undefined && tables.some(hasTombstones))) {
    draft.add({ kind: 'move', ...task });
  } else {
    draft.add({ kind: 'merge', ...task, shape: { tableBytes: snapshot.limits.tableBytes } });
  }
}
