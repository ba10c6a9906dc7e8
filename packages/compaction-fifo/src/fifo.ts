/**
 * FIFO and time-window compaction: data that is old, or too much, is dropped by whole tables, without being read.
 *
 * **Lossy**: what is dropped was neither deleted nor overwritten. Such a strategy has to be chosen with loss confirmed.
 * An entry goes when its table's *newest* write is too old, so single entries can outlive the limit by the span of their
 * table; single entries don't expire. Time is the snapshot's `now`; `assess` says when the next table is due. Settings:
 * settings.ts; rules of the plan: fifo-plan.ts.
 */
import { PlanDraft } from '@lsm/compaction';
import type { CompactionPlan, CompactionStrategy, Health, Json, TreeSnapshot } from '@lsm/core';
import { expiredTables, surplusTables } from './expired-tables.ts';
import { planFifo, windowsOf } from './fifo-plan.ts';
import { type FifoSettings, parseFifoSettings } from './settings.ts';

/** Length of a window unless told otherwise, ms: an hour. */
const WINDOW_MS = 3_600_000;

/**
 * Makes a FIFO strategy: no merging at all unless `windowMs` is set.
 *
 * @param settings - those that differ from the defaults of {@link FifoSettings}
 * @throws LSM_INVALID_ARGUMENT for an unknown setting or a bad value
 */
export function fifo(settings?: Partial<FifoSettings>): CompactionStrategy<null> {
  return make('fifo', parseFifoSettings(settings, 'fifo'));
}

/**
 * Makes a time-window strategy: FIFO with windows of an hour unless told otherwise.
 *
 * @param settings - those that differ from the defaults of {@link FifoSettings}
 * @throws LSM_INVALID_ARGUMENT for an unknown setting or a bad value
 */
export function timeWindow(settings?: Partial<FifoSettings>): CompactionStrategy<null> {
  const parsed = parseFifoSettings({ windowMs: WINDOW_MS, ...settings }, 'time-window');
  return make('time-window', parsed);
}

function make(name: string, settings: FifoSettings): CompactionStrategy<null> {
  const plan = (snapshot: TreeSnapshot): CompactionPlan<null> => {
    const draft = new PlanDraft(snapshot);
    planFifo(snapshot, settings, draft);
    return { tasks: draft.tasks };
  };
  return Object.freeze({
    name,
    formatVersion: 1,
    settings: { ...settings },
    lossy: true,
    initialState: () => null,
    plan,
    assess: (snapshot: TreeSnapshot): Health => {
      const quiescent = snapshot.inProgress.length === 0 && plan(snapshot).tasks.length === 0;
      return healthOf(snapshot, settings, quiescent);
    },
    withSettings: (changes: { readonly [setting: string]: Json }) =>
      make(name, parseFifoSettings({ ...settings, ...changes }, name)),
  });
}

function isNeverBusy(): boolean {
  return false;
}

function healthOf(snapshot: TreeSnapshot, settings: FifoSettings, quiescent: boolean): Health {
  const runs = snapshot.runs.filter((run) => run.tables.length > 0).length;
  let debtBytes = 0;
  for (const window of windowsOf(snapshot, settings)) {
    if (window.runs.length < 2) continue;
    for (const run of window.runs) debtBytes += run.bytes;
  }
  const isDue =
    expiredTables(snapshot, settings, isNeverBusy).ids.length > 0 ||
    surplusTables(snapshot, settings, isNeverBusy).ids.length > 0;
  const isSlow = runs >= settings.slowdownRuns;
  return {
    debtBytes: quiescent ? 0 : debtBytes,
    pressure: Math.max(runs / settings.slowdownRuns, isDue ? 1 : 0),
    delay: runs >= settings.stopRuns ? 'stop' : isSlow ? 'slow' : 'none',
    quiescent,
    ...replanOf(snapshot, settings),
  };
}

/** When the next table is too old, or the current window over. */
function replanOf(
  { now, runs }: TreeSnapshot,
  { maxAgeMs, windowMs }: FifoSettings,
): Pick<Health, 'replanAt'> {
  let replanAt = Number.POSITIVE_INFINITY;
  for (const { tables } of runs) {
    for (const { newestWriteAt } of tables) {
      if (maxAgeMs > 0 && newestWriteAt + maxAgeMs > now) {
        replanAt = Math.min(replanAt, newestWriteAt + maxAgeMs);
      }
      const windowEnd = windowMs > 0 ? (Math.floor(newestWriteAt / windowMs) + 1) * windowMs : 0;
      if (windowEnd > now) replanAt = Math.min(replanAt, windowEnd);
    }
  }
  return replanAt === Number.POSITIVE_INFINITY ? {} : { replanAt };
}
