/**
 * Tiered compaction: runs of similar size are collected and then merged into one; also known as universal or
 * size-tiered.
 *
 * Least writing: an entry is rewritten about once per tier. In exchange there are up to `ratio − 1` runs per tier to
 * read, and obsolete versions wait longer. Settings: settings.ts; rules of the plan: tiered-plan.ts.
 */
import { levelCount, PlanDraft, writeAmplification } from '@lsm/compaction';
import type {
  CompactionPlan,
  CompactionStrategy,
  CostVector,
  Health,
  Json,
  StrategyBounds,
  TreeSnapshot,
  WorkloadModel,
} from '@lsm/core';
import { parseTieredSettings, type TieredSettings } from './settings.ts';
import { exceedsSpace, planTiered, pressureOf } from './tiered-plan.ts';
import { type Tier, tiersOf } from './tiers.ts';

/** Runs beyond what rests in full tiers, in merge widths, from which writers are slowed and stopped. */
const SLOW_WIDTHS = 2;
const STOP_WIDTHS = 5;

/**
 * Makes a tiered strategy.
 *
 * @param settings - those that differ from the defaults of {@link TieredSettings}
 * @throws LSM_INVALID_ARGUMENT for an unknown setting or a bad value
 */
export function tiered(settings?: Partial<TieredSettings>): CompactionStrategy<null> {
  const parsed = parseTieredSettings(settings);
  const plan = (snapshot: TreeSnapshot): CompactionPlan<null> => {
    const draft = new PlanDraft(snapshot);
    planTiered(snapshot, tiersOf(snapshot, parsed.ratio), parsed, draft);
    return { tasks: draft.tasks };
  };
  return Object.freeze({
    name: 'tiered',
    formatVersion: 1,
    settings: { ...parsed },
    initialState: () => null,
    plan,
    assess: (snapshot: TreeSnapshot): Health => {
      const quiescent = snapshot.inProgress.length === 0 && plan(snapshot).tasks.length === 0;
      return healthOf(tiersOf(snapshot, parsed.ratio), parsed, quiescent);
    },
    predict: (workload: WorkloadModel): CostVector => predict(workload, parsed),
    bounds: (workload: WorkloadModel): StrategyBounds => ({
      maxRuns: Math.min(
        parsed.maxRuns,
        (parsed.minMergeWidth - 1) * (1 + tierCount(workload, parsed)),
      ),
      maxSpaceAmplification: parsed.maxSpaceAmplification,
      maxTaskShare: 1,
    }),
    withSettings: (changes: { readonly [setting: string]: Json }) =>
      tiered({ ...parsed, ...changes }),
  });
}

function healthOf(tiers: readonly Tier[], settings: TieredSettings, quiescent: boolean): Health {
  const { minMergeWidth } = settings;
  const runs = tiers.flatMap((tier) => tier.runs);
  let debtBytes = 0;
  let surplus = 0;
  for (const tier of tiers) {
    if (tier.runs.length < minMergeWidth) continue;
    surplus += tier.runs.length - minMergeWidth + 1;
    for (const run of tier.runs) debtBytes += run.bytes;
  }
  surplus = Math.max(surplus, runs.length - settings.maxRuns);
  if (exceedsSpace(runs, settings.maxSpaceAmplification)) {
    debtBytes = 0;
    for (const run of runs) debtBytes += run.bytes;
  }
  const isSlow = surplus >= SLOW_WIDTHS * minMergeWidth;
  const delay = surplus >= STOP_WIDTHS * minMergeWidth ? 'stop' : isSlow ? 'slow' : 'none';
  return { debtBytes, pressure: pressureOf(tiers, settings), delay, quiescent };
}

function tierCount({ dataBytes, flushBytes }: WorkloadModel, settings: TieredSettings): number {
  return levelCount(dataBytes, flushBytes, settings.ratio);
}

function predict(workload: WorkloadModel, settings: TieredSettings): CostVector {
  const levels = tierCount(workload, settings);
  const runs = settings.minMergeWidth - 1;
  const shape = { ratio: settings.ratio, levels, upperRuns: runs, lastRuns: runs };
  return {
    writeAmplification: 1 + writeAmplification(shape),
    runs: (runs * levels) / 2 + 1,
    spaceAmplification: Math.min(settings.maxSpaceAmplification, (1 + settings.minMergeWidth) / 2),
  };
}
