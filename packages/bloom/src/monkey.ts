/**
 * The allocator `monkey`: memory of point indexes goes where it saves most reads, by the sizes of the runs alone.
 *
 * 1. The runs are those of the tree and the output run.
 * 2. The largest runs get a hash index while 40 bits for each of their entries, and the wished average for all others,
 *    fit the budget. A run must hold 1/8 of all entries: a hash index repays its price where lookups end in the run; to
 *    those that pass through it is a filter of four times the memory.
 * 3. The other runs share the wished average, or what the budget leaves, by `monkeyRates`; at most 24 bits per key.
 * 4. A run at rate 1 gets nothing. Else `fuse8` if the run is large, not a fresh flush, and `fuse8` costs no more than
 *    the share and passes fewer keys than `split-block` would; `split-block` unless its rate is worse than the target
 *    by more than 0.01 (an extra candidate costs about a microsecond, `bloom` instead about ten nanoseconds).
 *
 * Bits are decided when a table is built and never changed in place: every compaction is a chance to
 * do it with the tree as it is then.
 */
import {
  booleanSetting,
  type FilterAllocator,
  type FilterChoice,
  type FilterContext,
  numberSetting,
  parseSettings,
  type SettingSpec,
} from '@lsm/core';
import { bloomBitsPerKey, splitBlockRate } from './bloom-formulas.ts';
import { fuse8, fuse8Bytes } from './fuse8.ts';
import { hashIndex } from './hash-index.ts';
import { idealRate, monkeyRates } from './monkey-rates.ts';

const BITS_PER_KEY_MAX = 24;
/** Share of all entries from which a run is large. */
const LARGE_SHARE = 1 / 8;
/** Tables of more entries might leave fewer than 8 bits for the fingerprints of a hash index. */
const HASH_INDEX_ENTRIES_MAX = 2 ** 22;
const SPLIT_BLOCK_EXCESS_MAX = 0.01;
const NOTHING: FilterChoice = { kind: 'none', bitsPerKey: 0 };

/** Settings of {@link monkey}. */
export interface MonkeySettings {
  /** Average over all runs that get filters, bits, 0 to 24; default 10. */
  readonly bitsPerKey?: number;
  /** Budget for all point indexes, bits; default: the context's, and without one `bitsPerKey` for each entry. */
  readonly indexBits?: number;
  /** Whether large runs may get a hash index; default true. */
  readonly hashIndex?: boolean;
}

interface ParsedSettings {
  readonly bitsPerKey: number;
  readonly indexBits: number | null;
  readonly hashIndex: boolean;
}

const indexBits: SettingSpec<number | null> = {
  default: null,
  parse: numberSetting(0, 0, Number.MAX_SAFE_INTEGER).parse,
};
const SPECS = {
  bitsPerKey: numberSetting(10, 0, BITS_PER_KEY_MAX),
  indexBits,
  hashIndex: booleanSetting(true),
};

/**
 * Makes the default allocator: rates in proportion to the sizes of runs, hash indexes where the budget allows.
 *
 * @throws LSM_INVALID_ARGUMENT for settings out of range or unknown ones
 */
export function monkey(settings?: MonkeySettings): FilterAllocator {
  const parsed: ParsedSettings = parseSettings(SPECS, settings, 'monkey');
  return { name: 'monkey', choose: (context) => chooseByMonkey(parsed, context) };
}

function chooseByMonkey(settings: ParsedSettings, context: FilterContext): FilterChoice {
  const { output } = context;
  if (output.tableEntries === 0) return NOTHING;
  const outputEntries = Math.max(output.runEntries, output.tableEntries);
  const others = context.runs.map((run) => run.entries);
  const total = others.reduce((sum, entries) => sum + entries, outputEntries);
  const budget = settings.indexBits ?? context.budgetBits ?? settings.bitsPerKey * total;

  const hashed = settings.hashIndex
    ? countHashIndexed([outputEntries, ...others], total, budget, settings.bitsPerKey)
    : 0;
  const larger = others.filter((entries) => entries > outputEntries).length;
  if (larger < hashed && output.tableEntries <= HASH_INDEX_ENTRIES_MAX) {
    return { kind: 'hash-index', bitsPerKey: hashIndex.rate(0).bitsPerKey };
  }

  const filtered = others.toSorted((a, b) => b - a).slice(Math.min(hashed, larger));
  const entries = [outputEntries, ...filtered];
  const rest = entries.reduce((sum, count) => sum + count, 0);
  const hashBits = (total - rest) * hashIndex.rate(0).bitsPerKey;
  const filterBits = Math.min(settings.bitsPerKey * rest, Math.max(0, budget - hashBits));
  const rate = monkeyRates(entries, filterBits, idealRate(BITS_PER_KEY_MAX))[0]!;
  const large = outputEntries >= total * LARGE_SHARE && output.level > 0;
  return chooseFilter(rate, output.tableEntries, large);
}

/** How many of the largest runs get a hash index. */
function countHashIndexed(
  runs: readonly number[],
  total: number,
  budget: number,
  bitsPerKey: number,
): number {
  const hashBitsPerKey = hashIndex.rate(0).bitsPerKey;
  let hashed = 0;
  let rest = total;
  for (const entries of runs.toSorted((a, b) => b - a)) {
    rest -= entries;
    const price = (total - rest) * hashBitsPerKey + rest * bitsPerKey;
    if (price > budget || entries < total * LARGE_SHARE) break;
    hashed++;
  }
  return hashed;
}

function chooseFilter(rate: number, tableEntries: number, large: boolean): FilterChoice {
  const bitsPerKey = bloomBitsPerKey(rate);
  if (bitsPerKey <= 0) return NOTHING;
  const blockRate = splitBlockRate(bitsPerKey);
  const fuseBitsPerKey = (fuse8Bytes(tableEntries) * 8) / tableEntries;
  const fuseRate = fuse8.rate(0).falsePositiveRate;
  if (large && fuseBitsPerKey <= bitsPerKey && fuseRate < blockRate) {
    return { kind: 'fuse8', bitsPerKey: fuseBitsPerKey };
  }
  return { kind: blockRate - rate > SPLIT_BLOCK_EXCESS_MAX ? 'bloom' : 'split-block', bitsPerKey };
}
