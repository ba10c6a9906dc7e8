/** Allocators that look at nothing but the level: a list of rates, or one number of bits for all. */
import {
  choiceSetting,
  type FilterAllocator,
  type FilterChoice,
  invalidArgument,
  numberSetting,
  type PointIndexKindName,
  parseSettings,
  perLevel as perLevelEntry,
} from '@lsm/core';
import { bloomBitsPerKey } from './bloom-formulas.ts';
import { POINT_INDEX_KINDS } from './kinds.ts';
import { RATE_MIN } from './monkey-rates.ts';

/**
 * Classic Bloom filters with a false positive rate for each level, such as `[0.001, 0.01, 0.05]`. Budgets are not
 * looked at.
 *
 * @param rates - by level; the last one repeats; 2^-32 to 1, where 1 means no filter
 * @throws LSM_INVALID_ARGUMENT for an empty list or a rate out of range
 */
export function perLevel(rates: readonly number[]): FilterAllocator {
  if (!Array.isArray(rates) || rates.length === 0) {
    throw invalidArgument('perLevel: give a list of at least one false positive rate.');
  }
  const range = numberSetting(1, RATE_MIN, 1);
  const choices = rates.map((rate, level): FilterChoice => {
    const bitsPerKey = bloomBitsPerKey(range.parse(rate, `perLevel: rate of level ${level}`));
    return { kind: bitsPerKey === 0 ? 'none' : 'bloom', bitsPerKey };
  });
  return {
    name: 'per-level',
    choose: (context) => perLevelEntry<FilterChoice>(choices, context.output.level),
  };
}

/** Settings of {@link uniform}. */
export interface UniformSettings {
  /** Bits per key of every table, 0 (none) to 64; default 10. */
  readonly bitsPerKey?: number;
  /** Kind of every table; default `split-block`. */
  readonly kind?: PointIndexKindName;
}

const SPECS = {
  bitsPerKey: numberSetting(10, 0, 64),
  kind: choiceSetting(
    'split-block',
    POINT_INDEX_KINDS.map((kind) => kind.name),
  ),
};

/**
 * The same kind and bits for every table. Budgets are not looked at.
 *
 * @throws LSM_INVALID_ARGUMENT for settings out of range or unknown ones
 */
export function uniform(settings?: UniformSettings): FilterAllocator {
  const { bitsPerKey, kind } = parseSettings(SPECS, settings, 'uniform');
  const choice: FilterChoice =
    bitsPerKey === 0 || kind === 'none' ? { kind: 'none', bitsPerKey: 0 } : { kind, bitsPerKey };
  return { name: 'uniform', choose: () => choice };
}
