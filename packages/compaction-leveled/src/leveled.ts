/**
 * Leveled compaction: one sorted run per level, each `ratio` times larger than the one above.
 *
 * Fewest runs to read and least space; every entry is rewritten about (ratio + 1)/2 times per level, so a *lower*
 * ratio means less writing. Level targets are dynamic, from the last level up. Settings: settings.ts; rules of the
 * plan: leveled-plan.ts.
 */
import { PlanDraft, writeAmplification } from '@lsm/compaction';
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
import { splitKeys } from './level0-plan.ts';
import { planLeveled } from './leveled-plan.ts';
import { type LeveledStateJson, readState } from './leveled-state.ts';
import { type LeveledTree, leveledTree } from './leveled-tree.ts';
import { type LeveledSettings, parseLeveledSettings } from './settings.ts';

/**
 * Makes a leveled strategy.
 *
 * @param settings - those that differ from the defaults of {@link LeveledSettings}
 * @throws LSM_INVALID_ARGUMENT for an unknown setting or a bad value
 */
export function leveled(settings?: Partial<LeveledSettings>): CompactionStrategy<LeveledStateJson> {
  const parsed = parseLeveledSettings(settings);
  const plan = (snapshot: TreeSnapshot, state: unknown): CompactionPlan<LeveledStateJson> => {
    const draft = new PlanDraft(snapshot);
    const tree = leveledTree(snapshot, parsed);
    const next = planLeveled(snapshot, tree, parsed, readState(state), draft);
    return { tasks: draft.tasks, state: next.json };
  };
  return Object.freeze({
    name: 'leveled',
    formatVersion: 1,
    settings: { ...parsed },
    initialState: () => ({}),
    plan,
    assess: (snapshot: TreeSnapshot): Health => {
      const tree = leveledTree(snapshot, parsed);
      return healthOf(tree, parsed, isQuiescent(snapshot, tree, parsed));
    },
    predict: (workload: WorkloadModel): CostVector => predict(workload, parsed),
    flush: (snapshot: TreeSnapshot) => ({
      splitKeys: splitKeys(snapshot, leveledTree(snapshot, parsed), parsed),
    }),
    bounds: (workload: WorkloadModel): StrategyBounds => boundsOf(workload, parsed),
    withSettings: (changes: { readonly [setting: string]: Json }) =>
      leveled({ ...parsed, ...changes }),
  });
}

/** Whether nothing runs, and nothing is to be done: the first task that there is says no. */
function isQuiescent(
  snapshot: TreeSnapshot,
  tree: LeveledTree,
  settings: LeveledSettings,
): boolean {
  if (snapshot.inProgress.length > 0) return false;
  const limits = { ...snapshot.limits, maxTasks: Math.min(1, snapshot.limits.maxTasks) };
  const draft = new PlanDraft({ ...snapshot, limits });
  planLeveled(snapshot, tree, settings, readState({}), draft);
  return draft.tasks.length === 0;
}

function healthOf(tree: LeveledTree, settings: LeveledSettings, quiescent: boolean): Health {
  const { level0, rows, base } = tree;
  const isTriggered = level0.length >= settings.level0Runs;
  let debtBytes = 0;
  let pressure = level0.length / settings.level0Runs;
  if (isTriggered) {
    for (const run of level0) debtBytes += run.bytes;
    debtBytes += base.next?.bytes ?? 0;
  }
  for (const row of rows) {
    const excess = Math.max(0, row.run.bytes - row.targetBytes);
    if (row.score >= 1) debtBytes += excess * (1 + settings.ratio);
    pressure = Math.max(pressure, row.score);
  }
  const isSlow = level0.length >= Math.max(settings.slowdownRuns, settings.level0Runs);
  const delay = level0.length >= settings.stopRuns ? 'stop' : isSlow ? 'slow' : 'none';
  return { debtBytes, pressure, delay, quiescent };
}

/** Levels below L0 that data needs. */
function levelsFor({ dataBytes, flushBytes }: WorkloadModel, settings: LeveledSettings): number {
  const baseBytes = settings.baseBytes || settings.level0Runs * flushBytes;
  const steps = Math.log(dataBytes / baseBytes) / Math.log(settings.ratio);
  return Math.min(settings.lastLevel, 1 + Math.max(0, Math.ceil(steps - 0.5)));
}

function predict(workload: WorkloadModel, settings: LeveledSettings): CostVector {
  const levels = levelsFor(workload, settings);
  const { ratio, level0Runs } = settings;
  const merged = writeAmplification({ ratio, levels, upperRuns: 1, lastRuns: 1 });
  return {
    writeAmplification: 1 + merged,
    runs: levels + (level0Runs - 1) / 2,
    spaceAmplification: 1 + 1 / (ratio - 1),
  };
}

/** At rest: L0 below its trigger and one run per level; upper levels within their targets. */
function boundsOf(workload: WorkloadModel, settings: LeveledSettings): StrategyBounds {
  const { ratio, level0Runs } = settings;
  const level0 = ((level0Runs - 1) * workload.flushBytes) / Math.max(1, workload.dataBytes);
  return {
    maxRuns: level0Runs + levelsFor(workload, settings),
    maxSpaceAmplification: 1 + 1 / (ratio - 1) + level0 + 0.1,
    maxTaskShare: 1,
  };
}
