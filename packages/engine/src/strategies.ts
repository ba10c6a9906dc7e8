/** The three strategies that the engine knows by name, for config and for reopening; any other comes as an object. */
import { hybrid } from '@lsm/compaction-hybrid';
import { leveled } from '@lsm/compaction-leveled';
import { tiered } from '@lsm/compaction-tiered';
import {
  type CompactionStrategy,
  invalidArgument,
  isJson,
  type Json,
  nearestName,
} from '@lsm/core';

/** Names of the built-in strategies. */
export type StrategyName = 'leveled' | 'tiered' | 'hybrid';

/** How a strategy is given: a name, a name with settings, or an object. */
export type StrategySetting =
  | StrategyName
  | { readonly strategy: StrategyName; readonly [setting: string]: unknown }
  | CompactionStrategy;

const factories: Record<StrategyName, (settings: Record<string, unknown>) => CompactionStrategy> = {
  leveled: (settings) => leveled(settings),
  tiered: (settings) => tiered(settings),
  hybrid: (settings) => hybrid(settings),
};

/** The strategy that a setting stands for. */
export function resolveStrategy(setting: StrategySetting): CompactionStrategy {
  if (typeof setting === 'string') return byName(setting, {});
  if (typeof setting !== 'object' || setting === null) {
    throw invalidArgument(
      'compaction has to be a name, {strategy, …settings} or a CompactionStrategy.',
    );
  }
  if ('plan' in setting && typeof setting.plan === 'function') {
    return checkedStrategy(setting as CompactionStrategy);
  }
  if ('strategy' in setting) {
    const { strategy, ...settings } = setting as { strategy: string };
    return byName(strategy, settings);
  }
  throw invalidArgument(
    'compaction has to be a name, {strategy, …settings} or a CompactionStrategy.',
  );
}

/**
 * The strategy recorded in a manifest; `null` if it isn't one of the three (then the caller has to give the object).
 */
export function reopenStrategy(name: string, settings: Json): CompactionStrategy | null {
  if (!(name in factories)) return null;
  return byName(name, settings as Record<string, unknown>);
}

/** A strategy that somebody gave as an object: what the manifest keeps of it has to be fit for that. */
function checkedStrategy(strategy: CompactionStrategy): CompactionStrategy {
  const { name, formatVersion, settings } = strategy;
  if (typeof name !== 'string' || name === '') {
    throw invalidArgument('A CompactionStrategy has to have a name.');
  }
  if (!Number.isSafeInteger(formatVersion) || formatVersion < 0) {
    throw invalidArgument(`The formatVersion of the strategy "${name}" has to be an integer ≥ 0.`);
  }
  if (!isJson(settings)) {
    throw invalidArgument(`The settings of the strategy "${name}" have to be plain JSON.`);
  }
  if (typeof strategy.assess !== 'function') {
    throw invalidArgument(`The strategy "${name}" has no method assess.`);
  }
  return strategy;
}

/**
 * Refuses a strategy that may drop data, unless somebody asked for that.
 *
 * @throws LSM_INVALID_ARGUMENT
 */
export function checkLossy(strategy: CompactionStrategy, isAllowed: boolean): void {
  if (strategy.lossy !== true || isAllowed) return;
  throw invalidArgument(
    `The compaction strategy "${strategy.name}" may drop data; if that is wanted, say so by lossy: true.`,
  );
}

function byName(name: string, settings: Record<string, unknown>): CompactionStrategy {
  const factory = Object.hasOwn(factories, name) ? factories[name as StrategyName] : undefined;
  if (factory === undefined) {
    throw invalidArgument(
      `No compaction strategy is named "${name}"; did you mean "${nearestName(name, Object.keys(factories))}"?`,
    );
  }
  return factory(settings);
}
