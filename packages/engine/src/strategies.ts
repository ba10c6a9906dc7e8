/**
 * The strategies that the engine knows by name, for config and for reopening; any other comes as an object.
 *
 * A wrapped strategy is recorded as `wrapper(inner)` with settings `{…, inner}` (strategy-wrappers.ts of
 * `@lsm/compaction`), so that it can be made again as well, if the innermost one is built in.
 */
import { withDeadline, withMaxTaskBytes, withReadTriggers } from '@lsm/compaction';
import { fifo, timeWindow } from '@lsm/compaction-fifo';
import { FLUID_PRESETS, type FluidPreset, fluidPreset, hybrid } from '@lsm/compaction-hybrid';
import { leveled } from '@lsm/compaction-leveled';
import { tiered } from '@lsm/compaction-tiered';
import { unified } from '@lsm/compaction-unified';
import {
  type CompactionPlan,
  type CompactionStrategy,
  choiceSetting,
  invalidArgument,
  isLsmError,
  type Json,
  nearestName,
  numberSetting,
} from '@lsm/core';
import type { StrategyRecord } from '@lsm/manifest';
import { plainCopy } from './background/plain-copy.ts';
import { CALM } from './background/strategy-contract.ts';
import { checkOptionNames } from './write-batch.ts';

/** Size of a strategy's settings: characters and values. */
const SETTINGS_SIZE_MAX = 65_536;

/** Names of the built-in strategies. `fifo` and `time-window` drop data and want `lossy: true`. */
export type StrategyName = 'leveled' | 'tiered' | 'hybrid' | 'unified' | 'fifo' | 'time-window';

/**
 * How a strategy is given: a name, a name with settings, or an object. `{ strategy: 'hybrid', preset, ratio }` takes a
 * member of the fluid family by its name: `leveling`, `1-leveling`, `seed-hybrid`, `lazy-leveling`, `tiering`.
 */
export type StrategySetting =
  | StrategyName
  | { readonly strategy: StrategyName; readonly [setting: string]: unknown }
  | CompactionStrategy;

/** Options of calls that take another strategy. */
export interface SwitchOptions {
  /** Allow a strategy that may drop data; default: what `open` was given. */
  readonly lossy?: boolean;
}

type Settings = Record<string, unknown>;

const factories: Record<StrategyName, (settings: Settings) => CompactionStrategy> = {
  leveled: (settings) => leveled(settings),
  tiered: (settings) => tiered(settings),
  hybrid: (settings) => hybrid(withoutPreset(settings)),
  unified: (settings) => unified(settings),
  fifo: (settings) => fifo(settings),
  'time-window': (settings) => timeWindow(settings),
};

const wrappers: Record<string, (inner: CompactionStrategy, settings: Settings) => unknown> = {
  deadline: (inner, { deadlineMs }) => withDeadline(inner, deadlineMs as number),
  'max-task': (inner, { maxTaskBytes }) => withMaxTaskBytes(inner, maxTaskBytes as number),
  'read-triggers': (inner, settings) => withReadTriggers(inner, settings),
};

/** Name of a wrapped strategy: wrapper, inner name. */
const WRAPPED = /^([a-z-]+)\((.+)\)$/;

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
    const { strategy, ...settings } = setting as { strategy: unknown };
    return byName(strategy, settings);
  }
  throw invalidArgument(
    'compaction has to be a name, {strategy, …settings} or a CompactionStrategy.',
  );
}

/**
 * The strategy recorded in a manifest; `null` if it is not built in, nor a known wrapper around one that is (then the
 * caller has to give the object).
 */
export function reopenStrategy(name: string, settings: Json): CompactionStrategy | null {
  if (Object.hasOwn(factories, name)) return byName(name, settings as Settings);
  const [, wrapper = '', innerName = ''] = WRAPPED.exec(name) ?? [];
  if (!Object.hasOwn(wrappers, wrapper)) return null;
  const { inner: innerSettings, ...own } = settings as { readonly [setting: string]: Json };
  const inner = reopenStrategy(innerName, innerSettings ?? {});
  return inner === null ? null : (wrappers[wrapper]!(inner, own) as CompactionStrategy);
}

function planNothing(): CompactionPlan {
  return { tasks: [] };
}

/** What stands for a strategy that is not known where nothing will be planned: in a database opened to read only. */
export function idleStrategy(recorded: StrategyRecord): CompactionStrategy {
  const { name, formatVersion, settings } = recorded;
  return Object.freeze({ name, formatVersion, settings, plan: planNothing, assess: () => CALM });
}

/** Replaces a preset by its settings; those that are given beside it count. */
function withoutPreset({ preset, ...settings }: Settings): Settings {
  if (preset === undefined) return settings;
  const name = choiceSetting<FluidPreset>('lazy-leveling', FLUID_PRESETS).parse(
    preset,
    'hybrid: preset',
  );
  const { ratio = 4 } = settings;
  return {
    ...fluidPreset(name, numberSetting(4, 2, 100).parse(ratio, 'hybrid: ratio')),
    ...settings,
  };
}

/**
 * A strategy that somebody gave as an object: what the manifest keeps of it has to be fit for that, and is read only
 * now. Its methods are called on the object itself, whenever they are needed.
 */
function checkedStrategy(strategy: CompactionStrategy): CompactionStrategy {
  const { name, formatVersion, settings, lossy } = strategy;
  if (typeof name !== 'string' || name === '') {
    throw invalidArgument('A CompactionStrategy has to have a name.');
  }
  if (!Number.isSafeInteger(formatVersion) || formatVersion < 0) {
    throw invalidArgument(`The formatVersion of the strategy "${name}" has to be an integer ≥ 0.`);
  }
  if (typeof strategy.assess !== 'function') {
    throw invalidArgument(`The strategy "${name}" has no method assess.`);
  }
  const own: CompactionStrategy = {
    name,
    formatVersion,
    settings: checkedSettings(settings, name),
    lossy: lossy === true,
    plan: (snapshot, state) => strategy.plan(snapshot, state),
    assess: (snapshot) => strategy.assess(snapshot),
  };
  return Object.freeze({ ...own, ...optionalMethodsOf(strategy) });
}

/** The optional methods that a strategy has, called on it. */
function optionalMethodsOf(strategy: CompactionStrategy): Partial<CompactionStrategy> {
  const own: Partial<CompactionStrategy> = {};
  if (strategy.initialState !== undefined) own.initialState = () => strategy.initialState!();
  if (strategy.predict !== undefined) own.predict = (workload) => strategy.predict!(workload);
  if (strategy.bounds !== undefined) own.bounds = (workload) => strategy.bounds!(workload);
  if (strategy.flush !== undefined) own.flush = (snapshot) => strategy.flush!(snapshot);
  if (strategy.withSettings !== undefined) {
    own.withSettings = (changes) => strategy.withSettings!(changes);
  }
  return own;
}

function checkedSettings(settings: Json, name: string): Json {
  try {
    return plainCopy(settings, `What the strategy "${name}" has as settings`, SETTINGS_SIZE_MAX);
  } catch (error) {
    throw invalidArgument(
      isLsmError(error) ? error.message : `The settings of the strategy "${name}" can't be read.`,
    );
  }
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

/**
 * The strategy that a call on an open database names, if its consent to loss is sufficient.
 *
 * @param caller - name of the call, for messages
 * @throws LSM_INVALID_ARGUMENT
 */
export function consentedStrategy(
  setting: StrategySetting,
  options: SwitchOptions,
  isLossyAllowed: boolean,
  caller: string,
): CompactionStrategy {
  checkOptionNames(options, ['lossy'], caller);
  const { lossy = isLossyAllowed } = options;
  if (typeof lossy !== 'boolean') throw invalidArgument('lossy has to be true or false.');
  const strategy = resolveStrategy(setting);
  checkLossy(strategy, lossy);
  return strategy;
}

function byName(name: unknown, settings: Settings): CompactionStrategy {
  if (typeof name !== 'string') {
    throw invalidArgument('compaction.strategy has to be the name of a strategy.');
  }
  const factory = Object.hasOwn(factories, name) ? factories[name as StrategyName] : undefined;
  if (factory === undefined) {
    throw invalidArgument(
      `No compaction strategy is named "${name}"; did you mean "${nearestName(name, Object.keys(factories))}"?`,
    );
  }
  return factory(settings);
}
