/**
 * Allocators that look at nothing but the level: a list of filters, or one filter for all.
 *
 * They keep the budget too. If what is wished for all runs of the tree together is more than `budgetBits`, each table
 * gets the same share of its wish; a kind whose bits are fixed becomes a classic Bloom filter then.
 */
import {
  choiceSetting,
  type FilterAllocator,
  type FilterChoice,
  type FilterContext,
  invalidArgument,
  numberSetting,
  type PointIndexKindName,
  parseSettings,
  perLevel as perLevelEntry,
  type SettingSpec,
} from '@lsm/core';
import { bloomBitsPerKey, splitBlockBitsPerKey } from './bloom-formulas.ts';
import { POINT_INDEX_KINDS, pointIndexKind } from './kinds.ts';
import { RATE_MIN } from './monkey-rates.ts';

/** Default of kinds that can be had with any number of bits. */
const BITS_DEFAULT = 10;
/** Below this many bits per key a filter lets nearly every key pass. */
const BITS_MIN = 0.25;
const NOTHING: FilterChoice = { kind: 'none', bitsPerKey: 0 };

/**
 * What tables of a level get: a classic Bloom filter by its false positive rate (2^-32 to 1, where 1 means none), a kind
 * by its name, or a kind with its bits per key (0 to 64, default 10) or its rate. `fuse8` and `hash-index` have fixed
 * bits and rates.
 */
export type LevelFilter =
  | number
  | PointIndexKindName
  | {
      readonly kind: PointIndexKindName;
      readonly bitsPerKey?: number;
      readonly rate?: number;
    };

const kindSetting: SettingSpec<PointIndexKindName> = choiceSetting(
  'split-block',
  POINT_INDEX_KINDS.map((kind) => kind.name),
);
const absent = (parse: SettingSpec<number>['parse']): SettingSpec<number | null> => ({
  default: null,
  parse,
});
const LEVEL_SPECS = {
  kind: kindSetting,
  bitsPerKey: absent(numberSetting(0, 0, 64).parse),
  rate: absent(numberSetting(1, RATE_MIN, 1).parse),
};

/**
 * Filters by level, such as `[0.001, 0.01, 0.05]` or `['split-block', 'hash-index', { kind: 'bloom', bitsPerKey: 6 }]`.
 *
 * Levels are tags of runs: a strategy with dynamic levels (leveled: 6, hybrid: 8) puts data into the last ones, so that
 * a list has to reach there, or to name the oldest run's filter.
 *
 * @param levels - by level; the last one repeats
 * @param oldest - what tables of the oldest run get, whatever its level; default as `levels` says
 * @throws LSM_INVALID_ARGUMENT for an empty list, a rate out of range or an unknown kind
 */
export function perLevel(levels: readonly LevelFilter[], oldest?: LevelFilter): FilterAllocator {
  if (!Array.isArray(levels) || levels.length === 0) {
    throw invalidArgument('perLevel: give a list of at least one filter.');
  }
  const choices = levels.map((filter, level) =>
    parseLevelFilter(filter, `perLevel: level ${level}`),
  );
  const last = oldest === undefined ? null : parseLevelFilter(oldest, 'perLevel: the oldest run');
  const wish = (level: number, isOldest: boolean): FilterChoice =>
    isOldest && last !== null ? last : perLevelEntry<FilterChoice>(choices, level);
  return { name: 'per-level', choose: (context) => chooseWithin(context, wish) };
}

/** Settings of {@link uniform}. */
export interface UniformSettings {
  /** Bits per key of every table, 0 (none) to 64; default 10. Without effect on kinds whose bits are fixed. */
  readonly bitsPerKey?: number;
  /** Kind of every table; default `split-block`. */
  readonly kind?: PointIndexKindName;
}

const UNIFORM_SPECS = { bitsPerKey: numberSetting(BITS_DEFAULT, 0, 64), kind: kindSetting };

/**
 * The same kind and bits for every table.
 *
 * @throws LSM_INVALID_ARGUMENT for settings out of range or unknown ones
 */
export function uniform(settings?: UniformSettings): FilterAllocator {
  const { bitsPerKey, kind } = parseSettings(UNIFORM_SPECS, settings, 'uniform');
  const choice = choiceOf(kind, bitsPerKey);
  return { name: 'uniform', choose: (context) => chooseWithin(context, () => choice) };
}

function parseLevelFilter(filter: LevelFilter, what: string): FilterChoice {
  if (typeof filter === 'string') return choiceOf(kindSetting.parse(filter, what), BITS_DEFAULT);
  if (typeof filter !== 'object' || filter === null) {
    return choiceOf('bloom', bloomBitsPerKey(LEVEL_SPECS.rate.parse(filter, what)!));
  }
  const { kind, bitsPerKey, rate } = parseSettings(LEVEL_SPECS, filter, what);
  if (rate === null) return choiceOf(kind, bitsPerKey ?? BITS_DEFAULT);
  if (bitsPerKey !== null) throw invalidArgument(`${what}: give bitsPerKey or rate, not both.`);
  if (kind === 'bloom') return choiceOf(kind, bloomBitsPerKey(rate));
  if (kind === 'split-block') return choiceOf(kind, splitBlockBitsPerKey(rate));
  throw invalidArgument(`${what}: the rate of "${kind}" is fixed.`);
}

function choiceOf(kind: PointIndexKindName, wished: number): FilterChoice {
  const { bitsPerKey } = pointIndexKind(kind).rate(wished);
  return wished === 0 || bitsPerKey === 0 ? NOTHING : { kind, bitsPerKey };
}

/** What is wished for the output, or the share of it that the budget has for everything that is wished. */
function chooseWithin(
  { runs, output, budgetBits }: FilterContext,
  wish: (level: number, isOldest: boolean) => FilterChoice,
): FilterChoice {
  const own = wish(output.level, output.isOldest);
  if (budgetBits === null) return own;
  let wished = own.bitsPerKey * Math.max(output.runEntries, output.tableEntries);
  for (const [i, { level, entries }] of runs.entries()) {
    const isOldest = !output.isOldest && i === runs.length - 1;
    wished += wish(level, isOldest).bitsPerKey * entries;
  }
  if (wished <= budgetBits) return own;
  const bitsPerKey = own.bitsPerKey * (budgetBits / wished);
  if (bitsPerKey < BITS_MIN) return NOTHING;
  return { kind: own.kind === 'split-block' ? 'split-block' : 'bloom', bitsPerKey };
}
