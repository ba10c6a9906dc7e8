/**
 * A wrapper that merges what reads waste their time on: tables that lookups pass through in vain.
 *
 * A table that was looked into in vain as often as it has 16 KiB (and 100 times at least) goes down, with all that it
 * overlaps in the next older run that it overlaps: the price of so many wasted reads is about that of the merge. That is
 * LevelDB's seek compaction (2011). Nothing happens to the oldest data under a key: no merge can spare its reads.
 *
 * Counts change without the tree, so that a strategy has to be asked again while nothing is written: `assess` says when.
 */
import {
  type CompactionPlan,
  type CompactionStrategy,
  type Json,
  numberSetting,
  parseSettings,
  type RunInfo,
  type TableInfo,
  type TreeSnapshot,
} from '@lsm/core';
import { overlapping, totalBytes } from './key-range.ts';
import { PlanDraft } from './plan-draft.ts';
import { wrap } from './strategy-wrap.ts';

/** When reads cause merges. */
export interface ReadTriggerSettings {
  /** Bytes of a table for which one wasted read is borne; 1 to 2^30, default 16,384. */
  readonly bytesPerRead?: number;
  /** Wasted reads that any table is allowed; 1 to 10^9, default 100. */
  readonly minReads?: number;
  /** Time after which counts are looked at again, ms of the engine clock; 1 to 10^9, default 60,000. */
  readonly checkMs?: number;
}

const SPECS = {
  bytesPerRead: numberSetting(16_384, 1, 2 ** 30),
  minReads: numberSetting(100, 1, 1e9),
  checkMs: numberSetting(60_000, 1, 1e9),
};

/** A table that is due. */
interface Wasteful {
  readonly table: TableInfo;
  readonly next: RunInfo;
  /** Wasted reads against those that the table is allowed; 1 and more. */
  readonly share: number;
}

/**
 * Merges tables that reads look into in vain into what lies below them, before what the inner strategy wants.
 *
 * @param inner - borrowed
 * @param settings - those that differ from the defaults of {@link ReadTriggerSettings}
 * @throws LSM_INVALID_ARGUMENT for an unknown setting or a bad value
 */
export function withReadTriggers<S extends Json>(
  inner: CompactionStrategy<S>,
  settings?: ReadTriggerSettings,
): CompactionStrategy<S> {
  const parsed = parseSettings(SPECS, settings, 'withReadTriggers');
  const plan = (snapshot: TreeSnapshot, state: S): CompactionPlan<S> => {
    const draft = new PlanDraft(snapshot);
    planWasteful(snapshot, parsed, draft);
    const given = inner.plan(snapshot, state);
    const before = draft.tasks.length;
    for (const task of given.tasks) draft.add(task);
    // A state is of use only with the tasks that it was made for.
    if (draft.tasks.length - before < given.tasks.length) return { tasks: draft.tasks };
    return { ...given, tasks: draft.tasks };
  };
  const dueAt = ({ runs, now }: TreeSnapshot): number => {
    const filled = runs.filter((run) => run.tables.length > 0);
    return filled.length > 1 ? now + parsed.checkMs : Number.POSITIVE_INFINITY;
  };
  const own = { ...parsed };
  return wrap(inner, 'read-triggers', own, plan, (next) => withReadTriggers(next, own), dueAt);
}

function planWasteful(
  snapshot: TreeSnapshot,
  settings: Required<ReadTriggerSettings>,
  draft: PlanDraft,
): void {
  const { tableBytes, maxTaskBytes } = snapshot.limits;
  const wasteful = wastefulTables(snapshot, settings).toSorted((a, b) => b.share - a.share);
  for (const { table, next, share } of wasteful) {
    if (draft.room === 0) return;
    const tables = [table, ...overlapping(next.tables, table)];
    // A larger merge costs more than the reads that it would spare.
    if (totalBytes(tables) > maxTaskBytes) continue;
    draft.add({
      kind: 'merge',
      inputs: tables.map(({ id }) => id),
      to: { into: next.id },
      shape: { tableBytes },
      reason: 'reads look into it in vain',
      score: Math.min(2, share),
    });
  }
}

function wastefulTables(
  { runs }: TreeSnapshot,
  { bytesPerRead, minReads }: Required<ReadTriggerSettings>,
): Wasteful[] {
  const found: Wasteful[] = [];
  for (const [row, run] of runs.entries()) {
    for (const table of run.tables) {
      const allowed = Math.max(minReads, table.bytes / bytesPerRead);
      const share = (table.wastedReads ?? 0) / allowed;
      if (share < 1) continue;
      const next = runs.slice(row + 1).find((older) => overlapping(older.tables, table).length > 0);
      if (next !== undefined) found.push({ table, next, share });
    }
  }
  return found;
}
