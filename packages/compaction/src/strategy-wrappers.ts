/**
 * Strategies made of strategies: pure planners around another one.
 *
 * - `withMaxTaskBytes` bounds tasks: the inner strategy is shown the lower limit, and merges that exceed it all the same
 *   are split where their tables allow.
 * - `withDeadline` bounds how long a tombstone may stay: tables that had theirs for too long are merged down, level by
 *   level, whatever the inner strategy thinks. What the deadline of level i is follows Lethe (Sarkar et al., 2020): the
 *   time is dealt out to the levels in proportion to their size, so that most of it is spent where most data is.
 * - `withPicker` gives a strategy that picks tables another order.
 * - `withReadTriggers` merges tables that reads look into in vain (read-triggers.ts).
 *
 * They compose. A wrapped strategy is named `wrapper(inner)`, its settings hold those of the inner one as `inner`: from
 * these an engine makes it again.
 */
import {
  type CompactionPlan,
  type CompactionStrategy,
  type CompactionTask,
  invalidArgument,
  type Json,
  type RunId,
  type RunInfo,
  type TableInfo,
  type TreeSnapshot,
} from '@lsm/core';
import { hullOf, type KeyRange, overlapping, totalBytes } from './key-range.ts';
import { overlapClusters } from './overlap-clusters.ts';
import type { TablePicker } from './pick-tables.ts';
import { PlanDraft } from './plan-draft.ts';
import { wrap } from './strategy-wrap.ts';
import { hasOlder, hasTombstones } from './tombstone-elision.ts';

export { type ReadTriggerSettings, withReadTriggers } from './read-triggers.ts';

/** Growth of a level's share of a deadline over that of the newer level. */
const DEADLINE_RATIO = 4;

/**
 * Bounds the bytes that a task reads.
 *
 * A merge of the inner strategy that exceeds the limit all the same is split into parts that don't overlap each other;
 * what can't be split stays whole.
 *
 * @param inner - borrowed
 * @param maxTaskBytes - bytes of input, > 0
 * @throws LSM_INVALID_ARGUMENT for a limit that is none
 */
export function withMaxTaskBytes<S extends Json>(
  inner: CompactionStrategy<S>,
  maxTaskBytes: number,
): CompactionStrategy<S> {
  if (!(maxTaskBytes > 0))
    throw invalidArgument('withMaxTaskBytes: maxTaskBytes has to be above 0.');
  const plan = (snapshot: TreeSnapshot, state: S): CompactionPlan<S> => {
    const shown = lowered(snapshot, maxTaskBytes);
    const given = inner.plan(shown, state);
    const draft = new PlanDraft(shown);
    for (const task of given.tasks) for (const part of split(shown, task)) draft.add(part);
    return { ...given, tasks: draft.tasks };
  };
  const wrapped = wrap(inner, 'max-task', { maxTaskBytes }, plan, (next) =>
    withMaxTaskBytes(next, maxTaskBytes),
  );
  if (inner.flush === undefined) return wrapped;
  const flush: CompactionStrategy['flush'] = (snapshot) =>
    inner.flush!(lowered(snapshot, maxTaskBytes));
  return Object.freeze({ ...wrapped, flush });
}

function lowered(snapshot: TreeSnapshot, maxTaskBytes: number): TreeSnapshot {
  const { limits } = snapshot;
  if (limits.maxTaskBytes <= maxTaskBytes) return snapshot;
  return { ...snapshot, limits: Object.freeze({ ...limits, maxTaskBytes }) };
}

/**
 * The parts of a merge whose tables overlap each other, if together they are too large; else the task itself. Neighbours
 * stay together while they fit, with what the target has between them; what is of the target alone is left out.
 */
function split(snapshot: TreeSnapshot, task: CompactionTask): readonly CompactionTask[] {
  if (task.kind !== 'merge' || !('into' in task.to)) return [task];
  const wanted = new Set(task.inputs);
  const tables = snapshot.runs.flatMap((run) => run.tables.filter(({ id }) => wanted.has(id)));
  const { maxTaskBytes } = snapshot.limits;
  if (totalBytes(tables) <= maxTaskBytes) return [task];
  const { into } = task.to;
  const target = new Set(snapshot.runs.find(({ id }) => id === into)?.tables);
  const parts: TableInfo[][] = [];
  let between: TableInfo[] = [];
  for (const group of overlapClusters(tables)) {
    if (group.every((table) => target.has(table))) {
      between.push(...group);
      continue;
    }
    const last = parts.at(-1);
    const joined = [...(last ?? []), ...between, ...group];
    if (last !== undefined && totalBytes(joined) <= maxTaskBytes) parts[parts.length - 1] = joined;
    else parts.push([...group]);
    between = [];
  }
  if (parts.length === 0) return [task];
  return parts.map((part) => ({ ...task, inputs: part.map((table) => table.id) }));
}

/**
 * Bounds how long a tombstone stays before it has met everything that it hides.
 *
 * Each run below another has a share of the time that is four times that of the newer one. A table whose oldest
 * tombstone outlived the shares of its run and all newer ones goes down with all that it overlaps, or, in the oldest
 * run, is written anew without them. Snapshots hold tombstones back, and the deadline holds only if tasks
 * keep up; `assess` says when the next tombstone is due.
 *
 * @param inner - borrowed
 * @param deadlineMs - engine clock, ms, > 0
 * @throws LSM_INVALID_ARGUMENT for a deadline that is none
 */
export function withDeadline<S extends Json>(
  inner: CompactionStrategy<S>,
  deadlineMs: number,
): CompactionStrategy<S> {
  if (!(deadlineMs > 0)) throw invalidArgument('withDeadline: deadlineMs has to be above 0.');
  const plan = (snapshot: TreeSnapshot, state: S): CompactionPlan<S> => {
    const draft = new PlanDraft(snapshot);
    planOverdue(snapshot, deadlineMs, draft);
    const given = inner.plan(snapshot, state);
    const before = draft.tasks.length;
    for (const task of given.tasks) draft.add(task);
    // A state is of use only with the tasks that it was made for.
    if (draft.tasks.length - before < given.tasks.length) return { tasks: draft.tasks };
    return { ...given, tasks: draft.tasks };
  };
  return wrap(
    inner,
    'deadline',
    { deadlineMs },
    plan,
    (next) => withDeadline(next, deadlineMs),
    (snapshot) => nextOverdue(snapshot, deadlineMs),
  );
}

/** When the next tombstone is past its run's share of the deadline; infinite if none will be. */
function nextOverdue(snapshot: TreeSnapshot, deadlineMs: number): number {
  const runs = snapshot.runs.filter((run) => run.tables.length > 0);
  let next = Number.POSITIVE_INFINITY;
  for (const [row, run] of runs.entries()) {
    const limit = deadlineMs * shareUpTo(row, runs.length);
    for (const table of run.tables) {
      const at = table.oldestTombstoneAt;
      if (!hasTombstones(table) || at === null || at + limit <= snapshot.now) continue;
      next = Math.min(next, Math.ceil(at + limit));
    }
  }
  return next;
}

function planOverdue(snapshot: TreeSnapshot, deadlineMs: number, draft: PlanDraft): void {
  const runs = snapshot.runs.filter((run) => run.tables.length > 0);
  for (const [row, run] of runs.entries()) {
    const limit = deadlineMs * shareUpTo(row, runs.length);
    for (const table of run.tables) {
      if (draft.room === 0) return;
      const at = table.oldestTombstoneAt;
      if (!hasTombstones(table) || at === null || snapshot.now - at < limit) continue;
      if (draft.isBusy(table.id)) continue;
      sendDown(snapshot, runs, row, table, draft);
    }
  }
}

/** Share of a deadline that is over when a tombstone leaves a row; 1 for the last row but one, and below it. */
function shareUpTo(row: number, rows: number): number {
  const steps = Math.max(1, rows - 1);
  if (row + 1 >= steps) return 1;
  // (r^(row + 1) − 1) ÷ (r^steps − 1), without powers that are too large for a number.
  const least = DEADLINE_RATIO ** -steps;
  return (DEADLINE_RATIO ** (row + 1 - steps) - least) / (1 - least);
}

/** Merges a table with all that it hides, if that fits into a task; else into the next older run that it overlaps. */
function sendDown(
  snapshot: TreeSnapshot,
  runs: readonly RunInfo[],
  row: number,
  table: TableInfo,
  draft: PlanDraft,
): void {
  const { tableBytes, maxTaskBytes } = snapshot.limits;
  const common = { shape: { tableBytes }, reason: 'tombstones past their deadline', score: 3 };
  const older = runs.slice(row + 1);
  if (!hasOlder(table, older)) {
    if (table.maxSequence > snapshot.oldestReaderSequence) return;
    draft.add({ kind: 'rewrite', inputs: [table.id], ...common });
    return;
  }
  const all = hiddenBy(table, older);
  if (totalBytes(all.tables) + table.bytes <= maxTaskBytes) {
    const inputs = [table, ...all.tables].map(({ id }) => id);
    if (draft.add({ kind: 'merge', inputs, to: { into: all.into }, ...common })) return;
  }
  const next = older.find((run) => overlapping(run.tables, table).length > 0)!;
  const inputs = [table, ...overlapping(next.tables, table)].map(({ id }) => id);
  draft.add({ kind: 'merge', inputs, to: { into: next.id }, ...common });
}

/** What a table overlaps in older runs, with what that overlaps in runs older still, and the oldest of these runs. */
function hiddenBy(
  table: TableInfo,
  older: readonly RunInfo[],
): { readonly tables: readonly TableInfo[]; readonly into: RunId } {
  const tables: TableInfo[] = [];
  let hull: KeyRange = table;
  let into = older[0]!.id;
  for (const run of older) {
    const met = overlapping(run.tables, hull);
    if (met.length === 0) continue;
    tables.push(...met);
    hull = hullOf([hull, ...met]);
    into = run.id;
  }
  return { tables, into };
}

/**
 * The strategy with another order in which it picks tables.
 *
 * @param inner - one with a setting `picker`, such as leveled compaction; borrowed
 * @throws LSM_INVALID_ARGUMENT if it has no such setting
 */
export function withPicker<S extends Json>(
  inner: CompactionStrategy<S>,
  picker: TablePicker,
): CompactionStrategy<S> {
  if (inner.withSettings === undefined) {
    throw invalidArgument(`withPicker: "${inner.name}" can't be given other settings.`);
  }
  return inner.withSettings({ picker });
}
