/**
 * Hybrid compaction: lazy leveling and its relatives, the fluid family {T, K, Z}.
 *
 * Upper levels collect up to K runs of similar size before they are merged, as in tiering; the last level, which
 * holds most of the data, has Z runs, by default one, as in leveling. So writes cost about as little as with
 * tiering, and space and point reads about as little as with leveling. K = Z = 1 is leveling by whole runs,
 * K = Z = T − 1 is tiering. Settings: settings.ts; rules of the plan: hybrid-plan.ts.
 */
import { PlanDraft, spaceAmplification, writeAmplification } from '@lsm/compaction';
import {
  type CompactionPlan,
  type CompactionStrategy,
  type CostVector,
  type Health,
  type Json,
  perLevel,
  type StrategyBounds,
  type TreeSnapshot,
  type WorkloadModel,
} from '@lsm/core';
import { planHybrid } from './hybrid-plan.ts';
import { bytesOf, type HybridTree, hybridTree, upperLevelCount } from './hybrid-tree.ts';
import { type HybridSettings, parseHybridSettings } from './settings.ts';

/**
 * Makes a hybrid strategy.
 *
 * @param settings - those that differ from the defaults of {@link HybridSettings}
 * @throws LSM_INVALID_ARGUMENT for an unknown setting or a bad value
 */
export function hybrid(settings?: Partial<HybridSettings>): CompactionStrategy<null> {
  const parsed = parseHybridSettings(settings);
  const plan = (snapshot: TreeSnapshot): CompactionPlan<null> => {
    const draft = new PlanDraft(snapshot);
    planHybrid(snapshot, hybridTree(snapshot, parsed), parsed, draft);
    return { tasks: draft.tasks };
  };
  return Object.freeze({
    name: 'hybrid',
    formatVersion: 1,
    settings: { ...parsed },
    initialState: () => null,
    plan,
    assess: (snapshot: TreeSnapshot): Health => {
      const quiescent = snapshot.inProgress.length === 0 && plan(snapshot).tasks.length === 0;
      return healthOf(hybridTree(snapshot, parsed), parsed, quiescent);
    },
    predict: (workload: WorkloadModel): CostVector => predict(workload, parsed),
    bounds: (workload: WorkloadModel): StrategyBounds => boundsOf(workload, parsed),
    withSettings: (changes: { readonly [setting: string]: Json }) =>
      hybrid({ ...parsed, ...changes }),
  });
}

function healthOf(tree: HybridTree, settings: HybridSettings, quiescent: boolean): Health {
  const { level0, upper, last } = tree;
  let pressure = Math.max(
    level0.length / settings.level0Runs,
    last.length / (settings.lastRuns + 1),
  );
  let debtBytes = level0.length >= settings.level0Runs ? bytesOf(level0) : 0;
  for (const level of upper) {
    pressure = Math.max(pressure, level.runs.length / (level.maxRuns + 1), level.isFull ? 1 : 0);
    if (!level.isFull) continue;
    debtBytes += level.bytes;
    if (level.level === tree.lastLevel - 1) debtBytes += bytesOf(last);
  }
  if (last.length > settings.lastRuns) debtBytes += bytesOf(last);
  const isSlow = level0.length >= Math.max(settings.slowdownRuns, settings.level0Runs);
  const delay = level0.length >= settings.stopRuns ? 'stop' : isSlow ? 'slow' : 'none';
  return { debtBytes, pressure, delay, quiescent };
}

function predict({ dataBytes, flushBytes }: WorkloadModel, settings: HybridSettings): CostVector {
  const { lastRuns, level0Runs } = settings;
  const count = upperLevelCount(dataBytes, flushBytes, settings);
  let writes = 0;
  let runs = level0Runs / 2 + lastRuns;
  for (let level = 0; level <= count; level++) {
    const ratio = perLevel(settings.ratio, Math.min(level, Math.max(0, count - 1)));
    const levelRuns = level === count ? lastRuns : perLevel(settings.upperRuns, level);
    writes += writeAmplification({ ratio, levels: 1, upperRuns: 1, lastRuns: levelRuns });
    if (level < count) runs += levelRuns / 2;
  }
  const ratio = perLevel(settings.ratio, Math.max(0, count - 1));
  return {
    // One for the flush, and one for the merge of L0 into the base level.
    writeAmplification: 1 + 1 + writes,
    runs,
    spaceAmplification: spaceAmplification({ ratio, levels: count + 1, upperRuns: 1, lastRuns }),
  };
}

/** At rest: L0 below its trigger, K runs in each upper level, Z in the last. */
function boundsOf(
  { dataBytes, flushBytes }: WorkloadModel,
  settings: HybridSettings,
): StrategyBounds {
  const count = 1 + upperLevelCount(dataBytes, flushBytes, settings);
  let maxRuns = settings.level0Runs - 1 + settings.lastRuns;
  for (let i = 0; i < count; i++) maxRuns += perLevel(settings.upperRuns, i);
  const level0 = ((settings.level0Runs - 1) * flushBytes) / Math.max(1, dataBytes);
  const ratio = perLevel(settings.ratio, Math.max(0, count - 1));
  const upper = (2 / 3) * (ratio / (ratio - 1));
  return {
    maxRuns,
    maxSpaceAmplification: settings.lastRuns + upper + level0 + 0.1,
    maxTaskShare: 1,
  };
}
