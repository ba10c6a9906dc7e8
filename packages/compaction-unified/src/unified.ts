/**
 * Unified compaction: leveled, tiered and what lies between by one number per level.
 *
 * The scaling number can be changed at any time, and can be another for each level: `['T8', 'T4', 'L10']` takes writes
 * cheaply and keeps the bulk in few runs. It needs no memory: levels follow from density alone. Settings:
 * settings.ts; rules of the plan: unified-plan.ts.
 */
import { PlanDraft } from '@lsm/compaction';
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
import { densityLevels } from './density-levels.ts';
import { fanOutOf, levelOf, thresholdOf } from './scaling.ts';
import { parseUnifiedSettings, scalingOf, type UnifiedSettings } from './settings.ts';
import { flushSplitKeys, planUnified } from './unified-plan.ts';

/**
 * Makes a unified strategy.
 *
 * @param settings - those that differ from the defaults of {@link UnifiedSettings}
 * @throws LSM_INVALID_ARGUMENT for an unknown setting or a bad value
 */
export function unified(settings?: Partial<UnifiedSettings>): CompactionStrategy<null> {
  const parsed = parseUnifiedSettings(settings);
  const scaling = scalingOf(parsed);
  const plan = (snapshot: TreeSnapshot): CompactionPlan<null> => {
    const draft = new PlanDraft(snapshot);
    planUnified(snapshot, densityLevels(snapshot, scaling), parsed, draft);
    return { tasks: draft.tasks };
  };
  return Object.freeze({
    name: 'unified',
    formatVersion: 1,
    settings: { ...parsed },
    initialState: () => null,
    plan,
    assess: (snapshot: TreeSnapshot): Health => {
      const quiescent = snapshot.inProgress.length === 0 && plan(snapshot).tasks.length === 0;
      return healthOf(snapshot, scaling, parsed, quiescent);
    },
    predict: (workload: WorkloadModel): CostVector => predict(workload, scaling),
    bounds: (workload: WorkloadModel): StrategyBounds => boundsOf(workload, scaling),
    flush: (snapshot: TreeSnapshot) => ({ splitKeys: flushSplitKeys(snapshot) }),
    withSettings: (changes: { readonly [setting: string]: Json }) =>
      unified({ ...parsed, ...changes }),
  });
}

function healthOf(
  snapshot: TreeSnapshot,
  scaling: readonly number[],
  settings: UnifiedSettings,
  quiescent: boolean,
): Health {
  let debtBytes = 0;
  let pressure = 0;
  for (const { runs, threshold, bytes } of densityLevels(snapshot, scaling)) {
    pressure = Math.max(pressure, runs.length / threshold);
    if (runs.length >= threshold) debtBytes += bytes;
  }
  const isSlow = pressure >= 1 + settings.slowdownThresholds;
  const delay = pressure >= 1 + settings.stopThresholds ? 'stop' : isSlow ? 'slow' : 'none';
  return { debtBytes, pressure, delay, quiescent };
}

/** Of each level that data needs, its scaling parameter. */
function levelsFor({ dataBytes, flushBytes }: WorkloadModel, scaling: readonly number[]): number[] {
  const last = levelOf(dataBytes, Math.max(1, flushBytes), scaling);
  return Array.from(
    { length: last + 1 },
    (_, level) => scaling[Math.min(level, scaling.length - 1)]!,
  );
}

/** A leveled level rewrites what it has (f − 1) / 2 times on average, a tiered one once. */
function predict(workload: WorkloadModel, scaling: readonly number[]): CostVector {
  let writes = 1;
  let runs = 0;
  const levels = levelsFor(workload, scaling);
  for (const w of levels) {
    writes += w <= 0 ? fanOutOf(w) / 2 : 1;
    runs += w <= 0 ? 1 : thresholdOf(w) / 2;
  }
  const last = levels.at(-1)!;
  return {
    writeAmplification: writes,
    runs,
    spaceAmplification: last <= 0 ? 1 + 1 / (fanOutOf(last) - 1 || 1) : 1 + thresholdOf(last) / 2,
  };
}

/** At rest each level has fewer runs than its threshold. */
function boundsOf(workload: WorkloadModel, scaling: readonly number[]): StrategyBounds {
  const levels = levelsFor(workload, scaling);
  let maxRuns = 0;
  for (const w of levels) maxRuns += thresholdOf(w) - 1;
  // Densities of runs with tombstones and old versions can exceed that of live data by a level.
  const last = levels.at(-1)!;
  return {
    maxRuns: maxRuns + thresholdOf(last) - 1,
    maxSpaceAmplification: 1 + thresholdOf(last),
    maxTaskShare: 1,
  };
}
