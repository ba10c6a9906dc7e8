/**
 * What to run: built-in defaults, then the config file, then the flags, each over the one before. Everything is
 * checked before the first database is opened; a mistake names the nearest right word.
 */
import { readFileSync } from 'node:fs';
import {
  booleanSetting,
  choiceSetting,
  integerSetting,
  isLsmError,
  nearestName,
  parseSettings,
  type SettingSpec,
  type SettingSpecs,
} from '@lsm/core';
import { UsageError } from './usage-error.ts';

/** Engine options of one thing that is compared. */
export interface Variant {
  readonly name: string;
  readonly options: Readonly<Record<string, unknown>>;
}

/** Where the entries come from. */
export const DATA_SOURCES = ['cities', 'generated'] as const;

/** Complete settings of `compare` and `workload`. */
export interface BenchConfig {
  /** Strategies that are compared: names, or `name:setting=value,…`. */
  readonly strategies: readonly string[];
  /** Filter settings that are compared beside; see {@link parseFilter}. Empty: none. */
  readonly filters: readonly string[];
  /** Filter of the strategies' comparison. */
  readonly filter: string;
  /** The strategy under the filters' comparison. */
  readonly filterStrategy: string;
  readonly workloads: readonly string[];
  readonly data: (typeof DATA_SOURCES)[number];
  /** Entries to load; 0: as many as the data set has (generated: 200,000). */
  readonly entries: number;
  readonly keyBytes: number;
  readonly valueBytes: number;
  /** Point operations per phase; 0: as many as entries. */
  readonly operations: number;
  readonly inFlight: number;
  readonly repeats: number;
  readonly seed: number;
  /** Operations per second, open loop; 0: closed loop, as fast as possible. */
  readonly rate: number;
  readonly warmUp: boolean;
  /** Begin no further repeat that would end later than this after the start; 0: no limit. */
  readonly maxSeconds: number;
  readonly durability: 'memory' | 'os' | 'fsync';
  readonly memtableBytes: number;
  readonly cacheBytes: number;
  readonly indexBytes: number;
  readonly tableBytes: number;
  /** More options of the engine's `open`, the same for all. */
  readonly open: Readonly<Record<string, unknown>>;
  /** Variants in full, instead of `strategies`: name → options of `open`. */
  readonly variants: Readonly<Record<string, Readonly<Record<string, unknown>>>>;
}

const KIBIBYTE = 1024;
const MEBIBYTE = 1024 * KIBIBYTE;

const specs: SettingSpecs<BenchConfig> = {
  strategies: listSetting(['leveled', 'tiered', 'hybrid']),
  filters: listSetting(['uniform:10', 'list:0.001,0.01,0.05', 'monkey:10', 'monkey']),
  filter: textSetting('monkey'),
  filterStrategy: textSetting('tiered'),
  workloads: listSetting(['real']),
  data: choiceSetting('cities', DATA_SOURCES),
  entries: integerSetting(0, 0, 100_000_000),
  keyBytes: integerSetting(16, 8, 1024),
  valueBytes: integerSetting(100, 8, 512 * KIBIBYTE),
  operations: integerSetting(0, 0, 1_000_000_000),
  inFlight: integerSetting(64, 1, 100_000),
  repeats: integerSetting(3, 1, 100),
  seed: integerSetting(1, 0, 0xffff_ffff),
  rate: integerSetting(0, 0, 10_000_000),
  warmUp: booleanSetting(true),
  maxSeconds: integerSetting(100, 0, 1_000_000),
  durability: choiceSetting('os', ['memory', 'os', 'fsync']),
  // Small on purpose: the cities are 14 MB, and figures of a store that keeps all in memory say nothing about tables.
  memtableBytes: integerSetting(512 * KIBIBYTE, 4096, 1024 * MEBIBYTE),
  cacheBytes: integerSetting(2 * MEBIBYTE, 65_536, 3072 * MEBIBYTE),
  indexBytes: integerSetting(4 * MEBIBYTE, 0, 65_536 * MEBIBYTE),
  tableBytes: integerSetting(MEBIBYTE, 16_384, 256 * MEBIBYTE),
  open: objectSetting(),
  variants: objectSetting() as SettingSpec<BenchConfig['variants']>,
};

/**
 * Completes and checks settings.
 *
 * @throws UsageError
 */
export function parseConfig(raw: unknown): BenchConfig {
  try {
    return parseSettings(specs, raw, 'the bench');
  } catch (error) {
    throw isLsmError(error) ? new UsageError(error.message) : error;
  }
}

/**
 * Reads a config file: a JSON object of settings.
 *
 * @throws UsageError
 */
export function readConfigFile(path: string): Record<string, unknown> {
  let parsed: unknown;
  try {
    parsed = JSON.parse(readFileSync(path, 'utf8'));
  } catch (error) {
    throw new UsageError(`The config file ${path} can't be used: ${(error as Error).message}`);
  }
  if (typeof parsed !== 'object' || parsed === null || Array.isArray(parsed)) {
    throw new UsageError(`The config file ${path} has to hold a JSON object.`);
  }
  return parsed as Record<string, unknown>;
}

/** Options of `open` that all variants share. */
function commonOptions(config: BenchConfig): Record<string, unknown> {
  const { durability, memtableBytes, cacheBytes, indexBytes, tableBytes, open } = config;
  return { durability, memtableBytes, cacheBytes, indexBytes, tableBytes, ...open };
}

/** The variants of the main comparison. */
export function strategyVariants(config: BenchConfig): Variant[] {
  const named = Object.entries(config.variants);
  if (named.length > 0) {
    return named.map(([name, options]) => {
      const filter = options['filter'] ?? config.filter;
      const parsed = typeof filter === 'string' ? parseFilter(filter) : filter;
      return { name, options: { ...commonOptions(config), ...options, filter: parsed } };
    });
  }
  return config.strategies.map((text) => ({
    name: text,
    options: {
      ...commonOptions(config),
      compaction: parseStrategy(text),
      filter: parseFilter(config.filter),
    },
  }));
}

/**
 * The variants of the filters' comparison. `monkey:BITS` is Monkey with a budget of so many bits for each entry that
 * is written, which makes it comparable with `uniform:BITS`; `monkey` has the common budget.
 *
 * @param entries - entries that the workload writes
 * @param memtableBytes - least size of a memtable
 */
export function filterVariants(
  config: BenchConfig,
  entries: number,
  memtableBytes: number,
): Variant[] {
  const common = commonOptions(config);
  const memtable = { memtableBytes: Math.max(memtableBytes, Number(common['memtableBytes'])) };
  return config.filters.map((text) => {
    const [name, bits] = splitOnce(text, ':');
    const bounded = name === 'monkey' && bits !== null;
    const budget = bounded ? { indexBytes: Math.ceil((numberOf(bits, text) * entries) / 8) } : {};
    return {
      name: text,
      options: {
        ...common,
        ...memtable,
        ...budget,
        // It would ask most filters for nothing, and take part of their memory.
        combinedIndex: 'off',
        compaction: parseStrategy(config.filterStrategy),
        filter: parseFilter(bounded ? 'monkey' : text),
      },
    };
  });
}

/**
 * A strategy from text: `leveled`, or `leveled:ratio=8,…` with settings of its own.
 *
 * @throws UsageError
 */
export function parseStrategy(text: string): unknown {
  const [name, rest] = splitOnce(text, ':');
  const known = ['leveled', 'tiered', 'hybrid', 'unified'];
  if (!known.includes(name)) {
    throw new UsageError(
      `No strategy is named "${name}"; did you mean "${nearestName(name, known)}"?`,
    );
  }
  if (rest === null) return name;
  const settings: Record<string, unknown> = { strategy: name };
  for (const part of rest.split(',')) {
    const [setting, value] = splitOnce(part, '=');
    if (value === null) throw new UsageError(`"${part}" in "${text}" is not setting=value.`);
    settings[setting] = parseScalar(value);
  }
  return settings;
}

/**
 * A filter from text: `monkey`, `uniform:BITS`, or `list:RATE,RATE,…` by level.
 *
 * @throws UsageError
 */
export function parseFilter(text: string): unknown {
  const [name, rest] = splitOnce(text, ':');
  if (name === 'monkey' && rest === null) return 'monkey';
  if (name === 'uniform' && rest !== null) return { bitsPerKey: numberOf(rest, text) };
  if (name === 'list' && rest !== null) {
    return { perLevel: rest.split(',').map((rate) => numberOf(rate, text)) };
  }
  throw new UsageError(
    `"${text}" is no filter; use monkey, uniform:BITS (as in uniform:10) or list:RATE,RATE,… (as in list:0.001,0.01,0.05); among the compared filters also monkey:BITS.`,
  );
}

function numberOf(text: string, whole: string): number {
  const value = Number(text);
  if (text.trim() === '' || !Number.isFinite(value)) {
    throw new UsageError(`"${text}" in "${whole}" is not a number.`);
  }
  return value;
}

function parseScalar(text: string): unknown {
  if (text === 'true' || text === 'false') return text === 'true';
  const value = Number(text);
  return text.trim() !== '' && Number.isFinite(value) ? value : text;
}

function splitOnce(text: string, separator: string): [string, string | null] {
  const at = text.indexOf(separator);
  return at < 0 ? [text, null] : [text.slice(0, at), text.slice(at + separator.length)];
}

function textSetting(standard: string): SettingSpec<string> {
  return {
    default: standard,
    parse(value, name) {
      if (typeof value === 'string') return value;
      throw new UsageError(`${name} has to be text.`);
    },
  };
}

/** A list of texts; one text stands for a list of one. */
function listSetting(standard: readonly string[]): SettingSpec<readonly string[]> {
  return {
    default: standard,
    parse(value, name) {
      const list: unknown[] = Array.isArray(value) ? value : [value];
      if (list.every((item) => typeof item === 'string')) return list;
      throw new UsageError(`${name} has to be a list of texts.`);
    },
  };
}

function objectSetting(): SettingSpec<Readonly<Record<string, unknown>>> {
  return {
    default: {},
    parse(value, name) {
      if (typeof value === 'object' && value !== null && !Array.isArray(value)) {
        return value as Record<string, unknown>;
      }
      throw new UsageError(`${name} has to be an object.`);
    },
  };
}
